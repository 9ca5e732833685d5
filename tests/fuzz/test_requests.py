"""A fixed sample of the requests that `make fuzz` draws at random."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.fuzz.requests import fault, random_requests
from tests.live_service import Live, leftovers

COUNT = 300


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    with Live(media, triton_url=triton.url, max_queued=5, log_level="WARNING") as service:
        yield service


def test_no_request_brings_the_service_out_of_step(live: Live) -> None:
    document = live.client.get("/openapi.json").json()
    pid, refused = live.process.pid, 0
    for sent in random_requests(document, seed=1, count=COUNT):
        answer = sent.to(live.port)
        if answer is not None:
            assert fault(answer, str(live.base)) is None, sent
            refused += answer.status >= 400
    assert COUNT / 4 < refused < COUNT
    assert live.process.poll() is None and live.process.pid == pid
    for task in live.client.get("/human/tasks").json()["data"]["tasks"]:
        live.client.delete(f"/human/tasks/{task['task_id']}")
    assert live.submit(mode="sync", save_path="good.mp4").status_code == 200
    assert leftovers(live.base) == []
