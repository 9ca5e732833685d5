"""Sixteen jobs on two services that share PostgreSQL, while somebody kills the services and their Tritons at random."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from digital_human.triton.embedded.server import TritonServer
from tests import postgresql
from tests.live_service import Live, eventually, leftovers
from tests.postgresql import Database

JOBS, KILLS = 16, 6


@pytest.fixture
def database() -> Iterator[Database]:
    if reason := postgresql.missing():
        pytest.skip(reason)
    with postgresql.serving() as server:
        yield server


def _triton_of(service: Live) -> int | None:
    """The Triton that this service started, found by its ancestors."""
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and "tritonserver" in (process / "comm").read_text():
                guard = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
                parent = Path(f"/proc/{guard}/stat").read_text().rsplit(")", 1)[1].split()[1]
                if int(parent) == service.process.pid:
                    return int(process.name)
        except (OSError, IndexError):
            continue
    return None


@pytest.mark.slow
def test_a_service_without_its_database_says_so_stops_and_goes_on_later(
    own_media: Path, database: Database, triton: TritonServer
) -> None:
    settings: dict[str, Any] = {
        "database_url": database.url,
        "triton_url": triton.url,
        "segment_seconds": 0.5,
        "passthrough_delay": 0.02,
        "shutdown_grace": 1,
    }
    first = Live(own_media, **settings).wait()
    task_id = first.submit(audio_path="voice.wav", save_path="a.mp4").json()["data"]["task_id"]
    eventually((own_media / ".state" / "jobs" / task_id / "segment-00001.mp4").exists)
    database.stop()
    with ThreadPoolExecutor(26) as callers:
        asked = callers.submit(first.client.get, f"/human/tasks/{task_id}")
        refused = callers.submit(first.submit, audio_path="voice.wav", save_path="b.mp4")
        lists = [callers.submit(first.client.get, "/human/tasks") for _ in range(24)]
        # What needs no database goes on beside them.
        sent = first.client.post("/human/uploads", files={"file": ("a", b"some")})
        assert [sent.status_code, first.client.get("/engines").status_code] == [201, 200]
        assert "digital_human_triton_ready 1.0" in first.client.get("/metrics").text
        assert {answer.result().status_code for answer in lists} == {503}
        for answer in (asked.result(), refused.result()):
            assert answer.status_code == 503 and "database" in answer.json()["message"]
        assert "Retry-After" in asked.result().headers
    assert first.client.get("/health").status_code == 200
    assert first.stop() == 1 and "ends by force" in first.words()
    database.start()
    with Live(own_media, **settings) as second:
        assert second.until(task_id, "succeeded")["result"]["frames"] == 100
        assert [task["task_id"] for task in second.client.get("/human/tasks").json()["data"]["tasks"]] == [task_id]
    assert leftovers(own_media) == []


class Pair:
    """Two services that share a database. One that has died is started again by `revive`."""

    def __init__(self, start: Callable[[], Live]) -> None:
        self._start = start
        self.services = [start().wait(), start().wait()]

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        for service in self.services:
            service.stop()

    def revive(self) -> None:
        for k, service in enumerate(self.services):
            if service.process.poll() is not None:
                self.services[k] = self._start()

    def tasks(self) -> dict[str, str]:
        """State by id, from whichever service answers; nothing if none does."""
        for service in self.services:
            with suppress(httpx.TransportError):
                answer = service.client.get("/human/tasks", params={"limit": 100}, timeout=10)
                if answer.is_success:
                    return {task["task_id"]: task["state"] for task in answer.json()["data"]["tasks"]}
        return {}

    def kill(self, luck: random.Random) -> str | None:
        """Kill one of the services, or its Triton; returns which of both, None where neither runs."""
        victim = luck.choice(self.services)
        triton = _triton_of(victim)
        if luck.random() < 0.5 and triton is not None:
            os.kill(triton, signal.SIGKILL)
            return "triton"
        if victim.process.poll() is None:
            victim.process.send_signal(signal.SIGKILL)
            victim.process.wait()
            return "service"
        return None


@pytest.mark.slow
def test_jobs_survive_kills(own_media: Path, database: Database) -> None:
    luck = random.Random(4)
    settings: dict[str, Any] = {
        "database_url": database.url,
        "max_jobs": 1,
        "segment_seconds": 0.5,
        "passthrough_delay": 0.015,
    }
    with Pair(lambda: Live(own_media, **settings)) as pair:
        ids = []
        for k in range(JOBS):
            answer = pair.services[k % 2].submit(save_path=f"out/{k}.mp4", headers={"Idempotency-Key": f"job {k}"})
            assert answer.status_code == 202, answer.text
            ids.append(answer.json()["data"]["task_id"])
        killed: list[str] = []
        deadline = time.monotonic() + 420
        next_kill = time.monotonic() + 1
        while not ((tasks := pair.tasks()) and len(killed) >= KILLS and set(tasks.values()) == {"succeeded"}):
            assert time.monotonic() < deadline, (killed, tasks)
            assert "failed" not in tasks.values(), [service.words() for service in pair.services]
            pair.revive()
            if len(killed) < KILLS and time.monotonic() > next_kill:
                if found := pair.kill(luck):
                    killed.append(found)
                next_kill = time.monotonic() + luck.uniform(1, 3)
            time.sleep(0.2)
    assert {"triton", "service"} == set(killed)
    assert set(ids) == set(tasks)
    assert sorted(path.name for path in (own_media / "out").iterdir()) == sorted(f"{k}.mp4" for k in range(JOBS))
    for k in range(JOBS):
        with av.open(str(own_media / "out" / f"{k}.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) == 50
            audio = container.streams.audio[0]
            assert audio.duration is not None and audio.time_base is not None
            assert abs(float(audio.duration * audio.time_base) - 2) < 0.05
    logs = "\n".join(path.read_text() for path in own_media.glob("service-*.log"))
    assert max(logs.count(f"task {task_id} finished") for task_id in ids) == 1, "none is made twice"
    assert leftovers(own_media) == []
