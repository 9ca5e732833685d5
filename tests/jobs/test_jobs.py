"""Tasks through a real service process: queue, progress, result, cancelling, and surviving the death of the process."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.jobs.segments import segment_lengths
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, eventually, leftovers


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    with Live(media, triton_url=triton.url, max_queued=3, passthrough_delay=0.01) as service:
        yield service


def frames_of(path: Path) -> list[npt.NDArray[Any]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def frame_count(path: Path) -> int:
    return len(frames_of(path))


def test_an_asynchronous_call_leads_to_the_task_and_its_result(live: Live, media: Path) -> None:
    answer = live.submit(save_path="deep/a.mp4")
    assert answer.status_code == 202
    data = answer.json()["data"]
    assert answer.headers["Location"] == f"/human/tasks/{data['task_id']}"
    assert data["state"] in ("queued", "running") and data["save_path"] == "deep/a.mp4"
    task = live.until(data["task_id"], "succeeded")
    assert task["progress"] == 1 and task["error"] is None
    assert task["result"]["frames"] == 50 and set(task["timings"]) == {"prepare", "plan", "render", "compose"}
    assert frame_count(media / "deep/a.mp4") == 50
    assert [path.name for path in (media / "deep").iterdir()] == ["a.mp4"]
    assert leftovers(media) == []


def test_prefer_respond_async_is_the_same(live: Live) -> None:
    answer = live.submit(mode="sync", save_path="b.mp4", headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    live.until(answer.json()["data"]["task_id"], "succeeded")


def test_without_a_path_the_result_is_fetched_in_ranges(live: Live) -> None:
    task_id = live.submit().json()["data"]["task_id"]
    url = f"/human/tasks/{task_id}/result"
    assert live.client.get(url).status_code == 409
    live.until(task_id, "succeeded")
    whole = live.client.get(url)
    assert whole.status_code == 200 and whole.headers["Content-Type"] == "video/mp4"
    part = live.client.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == whole.content[100:200]
    assert live.client.get(url, headers={"Range": "bytes=-50"}).content == whole.content[-50:]
    assert live.client.get(url, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416
    for malformed in ("bytes=x", f"bytes={'9' * 5000}-", f"bytes=0-{'9' * 5000}", f"bytes=-{'9' * 5000}"):
        assert live.client.get(url, headers={"Range": malformed}).status_code == 400


def test_events_follow_a_task_to_its_end(live: Live) -> None:
    task_id = live.submit(audio_path="long.wav").json()["data"]["task_id"]
    seen = []
    with live.client.stream("GET", f"/human/tasks/{task_id}/events") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
    assert seen[-1]["state"] == "succeeded"
    progress = [task["progress"] for task in seen]
    assert progress == sorted(progress) and len(set(progress)) > 2
    assert "render" in {task["stage"] for task in seen}


def test_the_same_key_gives_the_same_task(live: Live) -> None:
    key = {"Idempotency-Key": "night-17"}
    first = live.submit(save_path="key.mp4", headers=key).json()["data"]["task_id"]
    assert live.submit(save_path="key.mp4", headers=key).json()["data"]["task_id"] == first
    assert live.submit(save_path="other.mp4", headers=key).status_code == 422
    live.until(first, "succeeded")
    assert live.submit(save_path="key.mp4", headers=key).json()["data"]["task_id"] == first
    replay = live.submit(save_path="key.mp4", mode="sync", headers=key)
    assert replay.status_code == 200 and replay.json()["data"]["task_id"] == first


def test_the_queue_is_bounded_ordered_and_listed(live: Live) -> None:
    running = live.submit(audio_path="long.wav", save_path="q0.mp4").json()["data"]["task_id"]
    live.until(running, "running")
    ids = [
        live.submit(save_path=f"q{k}.mp4", priority=p).json()["data"]["task_id"] for k, p in ((1, 5), (2, 5), (3, 1))
    ]
    full = live.submit(save_path="q4.mp4")
    assert full.status_code == 429 and int(full.headers["Retry-After"]) > 0
    eventually(lambda: [live.task(task_id)["queue_position"] for task_id in ids] == [1, 2, 0])
    listed = live.client.get("/human/tasks", params={"state": "queued", "limit": 2}).json()["data"]
    assert len(listed["tasks"]) == 2 and listed["next_offset"] == 2
    rest = live.client.get("/human/tasks", params={"state": "queued", "limit": 2, "offset": 2}).json()["data"]
    assert {task["task_id"] for task in listed["tasks"] + rest["tasks"]} == set(ids) and rest["next_offset"] is None
    ended = [live.until(task_id, "succeeded")["ended"] for task_id in ids]
    assert ended[2] < ended[0] < ended[1]


def test_a_queued_task_can_be_cancelled(live: Live, media: Path) -> None:
    running = live.submit(audio_path="long.wav", save_path="c0.mp4").json()["data"]["task_id"]
    waiting = live.submit(save_path="c1.mp4").json()["data"]["task_id"]
    assert live.client.delete(f"/human/tasks/{waiting}").json()["data"]["state"] == "cancelled"
    assert live.client.delete(f"/human/tasks/{waiting}").status_code == 200
    live.until(running, "succeeded")
    assert live.client.delete(f"/human/tasks/{running}").status_code == 409
    assert not (media / "c1.mp4").exists()


def test_cancelling_a_running_task_breaks_it_off_and_leaves_nothing(live: Live, media: Path) -> None:
    task_id = live.submit(audio_path="long.wav", save_path="gone.mp4").json()["data"]["task_id"]
    live.until(task_id, "running")
    eventually(lambda: live.task(task_id)["stage"] == "render")
    (worker,) = live.workers()
    answer = live.client.delete(f"/human/tasks/{task_id}")
    assert answer.json()["data"]["state"] == "cancelled"
    # Its process would live on, had it drawn to the end.
    eventually(lambda: worker not in live.workers() and leftovers(media) == [])
    assert not (media / "gone.mp4").exists()
    # The next job has a process to run in.
    live.until(live.submit(save_path="next.mp4").json()["data"]["task_id"], "succeeded")


def running_tasks(live: Live) -> list[str]:
    """Their ids."""
    tasks = live.client.get("/human/tasks", params={"state": "running"}).json()["data"]["tasks"]
    return [task["task_id"] for task in tasks]


def test_who_waits_for_a_task_that_is_cancelled_learns_it(live: Live) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(live.submit, mode="sync", audio_path="long.wav", save_path="w.mp4")
        eventually(lambda: running_tasks(live))
        live.client.delete(f"/human/tasks/{running_tasks(live)[0]}")
        answer = waiting.result()
    assert answer.status_code == 499 and answer.json()["code"] == 499


def test_a_task_may_not_take_longer_than_it_may(live: Live, media: Path) -> None:
    task_id = live.submit(audio_path="long.wav", save_path="late.mp4", timeout=0.5).json()["data"]["task_id"]
    task = live.until(task_id, "failed")
    assert task["error"]["code"] == 504
    assert leftovers(media) == [] and not (media / "late.mp4").exists()


def test_bad_media_fail_at_once_and_say_why(live: Live, media: Path) -> None:
    (media / "text.wav").write_text("no sound " * 50)
    task = live.until(live.submit(audio_path="text.wav", save_path="t.mp4").json()["data"]["task_id"], "failed")
    assert task["error"]["code"] == 400 and "audio_path" in task["error"]["message"]
    url, chinese = f"/human/tasks/{task['task_id']}", {"Accept-Language": "zh"}
    answer = live.client.get(url, headers=chinese).json()["data"]["error"]
    assert (answer["code"], answer["error"]) == (400, "media_unreadable")
    assert answer["message"].startswith("audio_path: 无法作为音视频读取（")
    assert f'"message":"{answer["message"]}"' in live.client.get(f"{url}/events", headers=chinese).text
    assert leftovers(media) == []


def test_unknown_tasks_are_404(live: Live) -> None:
    for call in (live.client.get, live.client.delete):
        assert call("/human/tasks/none").status_code == 404
    assert live.client.get("/human/tasks/none/result").json()["code"] == 404
    assert live.client.get("/human/tasks/none/events").status_code == 404


def test_three_jobs_at_once_run_at_once_and_come_out_right(own_media: Path, triton: TritonServer) -> None:
    voices = ["speech.wav", "voice.wav", "speech.wav", "speech.wav"]
    with Live(own_media, triton_url=triton.url, max_jobs=3, segment_seconds=1, passthrough_delay=0.02) as live:
        # None of them finds the template analysed: all do it at the same time.
        ids = [
            live.submit(audio_path=voice, save_path=f"at-once/{k}.mp4").json()["data"]["task_id"]
            for k, voice in enumerate(voices)
        ]
        most = 0
        while not all((tasks := [live.task(task_id) for task_id in ids])[k]["ended"] for k in range(4)):
            at_work = [task for task in tasks if task["state"] == "running" and task["stage"]]
            most = max(most, len(at_work))
            time.sleep(0.05)
        assert [task["state"] for task in tasks] == ["succeeded"] * 4 and most == 3
    store = list((own_media / ".state" / "templates").iterdir())
    assert len(store) == 1 and not store[0].name.startswith(".")
    first = frames_of(own_media / "at-once/0.mp4")
    for k, voice in enumerate(voices):
        made = frames_of(own_media / f"at-once/{k}.mp4")
        assert len(made) == (50 if voice == "speech.wav" else 100)
        assert all(np.array_equal(a, b) for a, b in zip(first, made, strict=False)), k
    assert leftovers(own_media) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_goes_on_where_the_last_process_left_it(
    own_media: Path, triton: TritonServer, how: signal.Signals
) -> None:
    settings: dict[str, Any] = {
        "triton_url": triton.url,
        "segment_seconds": 1,
        "passthrough_delay": 0.02,
        "shutdown_grace": 5,
    }
    first = Live(own_media, **settings).wait()
    task_id = first.submit(audio_path="long.wav", save_path="long.mp4").json()["data"]["task_id"]
    folder = own_media / ".state" / "jobs" / task_id
    eventually((folder / "segment-00002.mp4").exists)
    first.process.send_signal(how)
    assert first.process.wait(60) == (0 if how is signal.SIGTERM else -how)
    segments = sorted(folder.glob("segment-*.mp4"))
    # When it was killed, the last one may have been finished in the very moment before it was put on record.
    recorded = segments if how is signal.SIGTERM else segments[:-1]
    done = {path.name: path.stat().st_mtime_ns for path in recorded}
    assert not (own_media / "long.mp4").exists()
    with Live(own_media, **settings) as second:
        eventually(lambda: len(list(folder.glob("segment-*.mp4"))) > len(segments))
        again = {name: (folder / name).stat().st_mtime_ns for name in done}
        assert again == done, "finished segments are not drawn again"
        task = second.until(task_id, "succeeded")
    assert task["result"]["frames"] == frame_count(own_media / "long.mp4") == 200
    assert leftovers(own_media) == []


def test_a_step_that_outlasts_the_grace_is_broken_off_and_done_anew(own_media: Path, triton: TritonServer) -> None:
    settings: dict[str, Any] = {"triton_url": triton.url, "shutdown_grace": 1}
    first = Live(own_media, passthrough_delay=1, batch_size=1, **settings).wait()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(first.submit, mode="sync", save_path="late.mp4")
        eventually(lambda: running_tasks(first))
        (task_id,) = running_tasks(first)
        eventually(lambda: first.task(task_id)["stage"] == "render")
        first.process.terminate()
        answer = waiting.result()
    assert first.stop() == 0
    assert answer.status_code == 503 and task_id in answer.json()["message"] and "Retry-After" in answer.headers
    assert not (own_media / "late.mp4").exists()
    assert not list((own_media / ".state" / "jobs" / task_id).glob("segment-*.mp4"))
    with Live(own_media, **settings) as second:
        assert second.until(task_id, "succeeded")["result"]["frames"] == 50
    assert leftovers(own_media) == []


def test_two_services_do_not_share_a_folder_without_a_database(live: Live, media: Path, triton: TritonServer) -> None:
    second = Live(media, triton_url=triton.url)
    assert second.process.wait(60) != 0
    assert "another service uses the same BASE_PATH" in second.log.read_text()


def test_segments_are_even_and_cover_everything() -> None:
    for frames, fps, seconds in ((50, 25, 20), (1501, 25, 20), (1, 25, 20), (754, 30, 10), (3, 25, 0.04)):
        lengths = segment_lengths(frames, Fraction(fps), seconds)
        assert sum(lengths) == frames and max(lengths) - min(lengths) <= 1
    assert len(segment_lengths(300, Fraction(25), 20)) == 1
