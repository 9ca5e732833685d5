"""A host that drips its file holds a job no longer than the job's caller, its timeout and the operator allow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, leftovers
from tests.slow_host import SlowHost, slow_host


@pytest.fixture(scope="module")
def slow() -> Iterator[SlowHost]:
    with slow_host() as host:
        yield host


@pytest.fixture
def host(slow: SlowHost) -> SlowHost:
    slow.forget()
    return slow


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    with Live(media, triton_url=triton.url, url_hosts="127.0.0.1", fetch_seconds=3600) as live:
        yield live


@pytest.mark.parametrize("field", ["audio_path", "video_path"])
def test_a_job_that_fetches_is_cancelled_at_once(live: Live, host: SlowHost, field: str) -> None:
    task_id = live.submit(**{field: f"{host.url}/body"}).json()["data"]["task_id"]
    assert host.reached.wait(60)
    assert live.client.delete(f"/human/tasks/{task_id}").json()["data"]["state"] == "cancelled"
    assert host.left.wait(60)
    live.until(live.submit().json()["data"]["task_id"], "succeeded")
    assert leftovers(live.base) == []


@pytest.mark.parametrize("path", ["/head", "/body"])
def test_a_job_that_fetches_ends_at_its_timeout(live: Live, host: SlowHost, path: str) -> None:
    task_id = live.submit(audio_path=host.url + path, timeout=2).json()["data"]["task_id"]
    assert live.until(task_id, "failed")["error"] == {
        "code": 504,
        "error": "job_timed_out",
        "message": "the job took longer than 2 s",
    }
    assert host.left.wait(60) and leftovers(live.base) == []


def test_a_service_that_stops_does_not_wait_for_a_fetch(own_media: Path, host: SlowHost, triton: TritonServer) -> None:
    settings: dict[str, Any] = {"url_hosts": "127.0.0.1", "fetch_seconds": 3600, "shutdown_grace": 0}
    with Live(own_media, triton_url=triton.url, **settings) as live:
        task_id = live.submit(audio_path=f"{host.url}/body").json()["data"]["task_id"]
        assert host.reached.wait(60)
        assert live.stop() == 0
    assert host.left.wait(60)
    with Live(own_media, triton_url=triton.url, **(settings | {"fetch_seconds": 1})) as again:
        task = again.until(task_id, "failed")
        assert task["error"] == {
            "code": 400,
            "error": "fetch_too_slow",
            "message": "audio_path: fetching it took longer than 1 s",
        }
