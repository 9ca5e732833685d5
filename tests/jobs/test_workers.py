"""The service's side of its worker processes."""

from __future__ import annotations

from pathlib import Path

from digital_human.jobs.worker.pool import WorkerPool
from digital_human.settings import Settings


def test_one_worker_is_started_ahead_and_used_as_long_as_it_does(tmp_path: Path) -> None:
    workers = WorkerPool(Settings(base_path=tmp_path, max_jobs=3), lambda: "localhost:1")
    try:
        workers.start()
        with workers.lease() as first:
            assert first.pid is not None
            with workers.lease() as second:
                assert second is not first and second.pid is None
        with workers.lease() as again:
            assert again is first
    finally:
        workers.stop()
    assert first.pid is None
