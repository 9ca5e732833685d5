"""HeyGem's interface while jobs wait, after they have ended, and for callers with keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.api.heygem import JOB, ZH, envelope, query, submit, until_ended
from tests.conftest import fill
from tests.live_service import Live, eventually


@pytest.fixture(scope="module")
def forgetful(media: Path, triton: TritonServer) -> Iterator[Live]:
    with Live(media, triton_url=triton.url, easy_forget_seconds=0.5) as live:
        yield live


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, samples: Path, triton: TritonServer) -> Iterator[Live]:
    base = fill(tmp_path_factory.mktemp("keyed"), samples)
    with Live(base, triton_url=triton.url, api_keys="alice,bob") as live:
        yield live


@pytest.fixture(scope="module")
def slow_service(tmp_path_factory: pytest.TempPathFactory, samples: Path, triton: TritonServer) -> Iterator[Live]:
    """A job of `long.wav` takes it twenty seconds."""
    base = fill(tmp_path_factory.mktemp("slow"), samples)
    with Live(base, triton_url=triton.url, max_queued=2, passthrough_delay=0.1) as live:
        yield live


@pytest.fixture
def slow(slow_service: Live) -> Live:
    """The slow service, with nothing to do."""
    for state in ("queued", "running"):
        for task in slow_service.client.get("/human/tasks", params={"state": state}).json()["data"]["tasks"]:
            slow_service.client.delete(f"/human/tasks/{task['task_id']}")
    return slow_service


def test_the_comfyui_nodes_loop_ends_where_the_job_fails(forgetful: Live) -> None:
    """It asks until the status is 2 or the code no longer 10000; status 3 means nothing to it."""
    (forgetful.base / "noise.wav").write_text("noise")
    assert submit(forgetful, code="node-fails", audio_url="noise.wav")["code"] == 10000
    codes = []

    def has_ended() -> bool:
        result = query(forgetful, "node-fails")
        codes.append(result["code"])
        return bool(result["code"] != 10000 or result["data"]["status"] == 2)

    eventually(has_ended)
    assert codes[-1] == 10004


@pytest.mark.parametrize("on", [1, "1", True])
def test_a_switch_that_is_on_is_another_request(slow: Live, on: object) -> None:
    code = f"on {on!r}"
    assert submit(slow, code=code, audio_url="long.wav", digital_auth=on)["code"] == 10000
    assert submit(slow, code=code, audio_url="long.wav", digital_auth="1")["code"] == 10000
    for off in (0, "0", "", None, "no"):
        assert submit(slow, code=code, audio_url="long.wav", digital_auth=off)["code"] == 10002
    assert submit(slow, code=code, audio_url="long.wav")["code"] == 10002


def test_a_full_queue_is_busy(slow: Live) -> None:
    slow.until(submit(slow, code="runs", audio_url="long.wav")["data"]["task_id"], "running")
    for code in ("waits", "waits too"):
        assert submit(slow, code=code)["code"] == 10000
    answer = submit(slow, code="too many")
    assert answer["code"] == 10001 and answer["success"]
    assert "个任务在排队" in submit(slow, ZH, code="too many")["msg"]


def test_the_same_request_is_the_same_job_while_that_waits_or_runs(slow: Live) -> None:
    first = submit(slow, code="runs", audio_url="long.wav")
    assert submit(slow, code="runs", audio_url="long.wav")["data"] == first["data"]
    answer = submit(slow, code="runs", audio_url="speech.wav")
    assert answer["code"] == 10002 and "runs" in answer["msg"]
    waits = submit(slow, code="waits")
    assert submit(slow, code="waits")["data"] == waits["data"]
    data = query(slow, "waits")["data"]
    assert (data["status"], data["queue_position"]) in ((1, 0), (1, 1))


def test_a_code_waits_behind_the_job_of_another_code_with_the_same_files(slow: Live) -> None:
    """Only the code makes it the same job."""
    running = submit(slow, code="one", audio_url="long.wav")["data"]["task_id"]
    slow.until(running, "running")
    other = submit(slow, code="two", audio_url="long.wav")["data"]["task_id"]
    assert other != running
    assert [query(slow, code)["data"]["task_id"] for code in ("one", "two")] == [running, other]
    assert slow.task(other)["state"] == "queued"


@pytest.mark.parametrize(("audio_url", "state"), [("speech.wav", "succeeded"), ("noise.wav", "failed")])
def test_an_end_that_was_told_is_forgotten_after_a_while(forgetful: Live, audio_url: str, state: str) -> None:
    (forgetful.base / "noise.wav").write_text("noise")
    task_id = submit(forgetful, code=state, audio_url=audio_url)["data"]["task_id"]
    assert until_ended(forgetful, state)["status"] == {"succeeded": 2, "failed": 3}[state]
    eventually(lambda: query(forgetful, state)["code"] == 10004)
    assert query(forgetful, state)["success"]
    assert forgetful.task(task_id)["state"] == state, "the record stays"


def test_an_end_that_nobody_was_told_is_kept(own_media: Path, triton: TritonServer) -> None:
    """A restart between the end and the first question loses nothing, nor does it bring a forgotten code back."""
    with Live(own_media, triton_url=triton.url, easy_forget_seconds=0) as live:
        kept = submit(live, code="kept")["data"]["task_id"]
        task_id = submit(live, code="asked")["data"]["task_id"]
        live.until(kept, "succeeded")
        live.until(task_id, "succeeded")
        assert live.client.head("/easy/query?code=asked").status_code == 200
        assert query(live, "asked")["data"]["status"] == 2, "only a GET counts"
        assert query(live, "asked")["code"] == 10004
    with Live(own_media, triton_url=triton.url, easy_forget_seconds=0) as live:
        assert query(live, "kept")["data"]["status"] == 2
        assert query(live, "asked")["code"] == 10004


def test_callers_with_keys_do_not_share_results(keyed: Live) -> None:
    results = {}
    for key, audio, seconds in (("alice", "speech.wav", 2.0), ("bob", "voice.wav", 4.0)):
        headers = {"X-API-Key": key}
        assert submit(keyed, headers, code="same", audio_url=audio)["code"] == 10000
        data = until_ended(keyed, "same", headers)
        assert (data["status"], data["video_duration"]) == (2, seconds)
        results[key] = keyed.base / "temp" / data["result"].lstrip("/")
    assert results["alice"] != results["bob"] and all(path.exists() for path in results.values())
    assert all(path.name == "same-r.mp4" for path in results.values())


def test_the_only_caller_finds_the_result_where_heygem_puts_it(own_media: Path, triton: TritonServer) -> None:
    settings: dict[str, Any] = {"api_keys": "alice", "operator_keys": "root", "message_language": "zh"}
    with Live(own_media, triton_url=triton.url, **settings) as live:
        headers = {"X-API-Key": "alice"}
        submit(live, headers, code="alone")
        assert until_ended(live, "alone", headers)["result"] == "/alone-r.mp4"
        assert (own_media / "temp" / "alone-r.mp4").exists()
        # Messages are in the language that the operator has set, unless the caller asks for another.
        assert query(live, "none", headers)["msg"] == "任务不存在"
        assert query(live, "none", headers | {"Accept-Language": "en"})["msg"] == "there is no such task"


def test_without_its_key_a_request_is_refused_in_the_envelope(keyed: Live) -> None:
    for answer in (
        keyed.client.post("/easy/submit", json=JOB | {"code": "a"}),
        keyed.client.get("/easy/query?code=a"),
        keyed.client.post("/easy/cancel", json={"code": "a"}),
    ):
        assert answer.status_code == 401 and answer.json()["code"] == 10002 and "API key" in answer.json()["msg"]


def test_a_job_is_cancelled_by_its_code(slow: Live) -> None:
    for code in ("cut off", "never begun"):
        submit(slow, code=code, audio_url="long.wav")
    for code in ("never begun", "cut off"):
        assert envelope(slow.client.post("/easy/cancel", content=json.dumps({"code": code})))["code"] == 10000
        assert query(slow, code)["data"]["status"] == 3
        assert query(slow, code, ZH)["data"]["msg"] == "任务已取消"
    assert envelope(slow.client.post("/easy/cancel", json={"code": "none"}))["code"] == 10004
    assert not (slow.base / "temp" / "cut off-r.mp4").exists()
