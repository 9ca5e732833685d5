"""Segments of one job drawn by several processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digital_human.jobs.worker import pool
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from tests.jobs.test_jobs import frame_count
from tests.live_service import Live, eventually, leftovers


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    """A job of `long.wav` has eight segments there, of 0.6 s at least, and three processes."""
    with Live(media, triton_url=triton.url, helpers=2, segment_seconds=1, passthrough_delay=0.05) as live:
        yield live


def submitted(live: Live, save: str, **fields: object) -> tuple[str, Path]:
    """A long job's id and the folder of its segments."""
    task_id: str = live.submit(audio_path="long.wav", save_path=save, **fields).json()["data"]["task_id"]
    return task_id, live.base / ".state" / "jobs" / task_id


def shared(live: Live, save: str) -> tuple[str, Path]:
    """Like `submitted`, once three processes draw segments at the same time.

    A helper that starts slowly may come too late for one job, and is there for the next.
    """
    for _ in range(5):
        task_id, folder = submitted(live, save)
        while live.task(task_id)["ended"] is None:
            if under_way(folder) == 3:
                return task_id, folder
            time.sleep(0.02)
        (live.base / save).unlink()
    raise AssertionError(live.words())


def until(true: Callable[[], object], live: Live, task_id: str) -> None:
    while not true():
        assert live.task(task_id)["ended"] is None, f"{live.task(task_id)}\n{live.words()}"
        time.sleep(0.02)


def under_way(folder: Path) -> int:
    return len(list(folder.glob("segment-*.part")))


def test_idle_processes_draw_segments_of_a_long_job(live: Live, media: Path) -> None:
    task_id, _ = shared(live, "together.mp4")
    shares = []
    while (task := live.task(task_id))["ended"] is None:
        shares.append(task["progress"])
        time.sleep(0.05)
    assert task["state"] == "succeeded" and shares == sorted(shares)
    assert frame_count(media / "together.mp4") == 200
    assert leftovers(media) == []


def test_a_helper_that_dies_costs_its_segment_only(live: Live, media: Path) -> None:
    task_id, _ = shared(live, "bereft.mp4")
    *_, youngest = sorted(live.workers())
    os.kill(youngest, signal.SIGKILL)
    task = live.until(task_id, "succeeded")
    assert task["result"]["frames"] == frame_count(media / "bereft.mp4") == 200
    assert leftovers(media) == []


def test_a_helper_that_comes_too_late_for_the_inputs_is_done_without(own_media: Path, triton: TritonServer) -> None:
    slow: dict[str, Any] = {"segment_seconds": 1, "passthrough_delay": 0.05}
    # A helper that has to start is late.
    with Live(own_media, triton_url=triton.url, helpers=1, own_workers=True, **slow) as live:
        task_id, folder = submitted(live, "late.mp4")
        until(lambda: under_way(folder) == 1, live, task_id)
        (own_media / "template.mkv").unlink()
        live.until(task_id, "succeeded")
        assert "left to the job's own process" in live.log.read_text()
    assert frame_count(own_media / "late.mp4") == 200


def test_a_job_that_is_cancelled_stops_its_helpers_too(live: Live, media: Path) -> None:
    task_id, _ = shared(live, "gone.mp4")
    assert live.client.delete(f"/human/tasks/{task_id}").json()["data"]["state"] == "cancelled"
    eventually(lambda: leftovers(media) == [])
    assert not (media / "gone.mp4").exists()
    assert "left to the job's own process: the job was cancelled" not in live.log.read_text()
    live.until(live.submit(save_path="next.mp4").json()["data"]["task_id"], "succeeded")


@pytest.mark.parametrize(
    ("processors", "jobs", "helpers"), [(2, 1, 0), (8, 1, 1), (16, 1, 3), (16, 2, 2), (16, 8, 0), (64, 1, 3)]
)
def test_there_are_helpers_where_processors_would_be_idle(
    monkeypatch: pytest.MonkeyPatch, processors: int, jobs: int, helpers: int
) -> None:
    monkeypatch.setattr(pool, "usable_processors", lambda: processors)
    assert pool.helpers_for(Settings(max_jobs=jobs)) == helpers
    assert pool.helpers_for(Settings(max_jobs=jobs, helpers=5)) == 5
