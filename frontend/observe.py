"""The two things worth watching, a job and its stages, told to the metrics, the log and the trace at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from frontend import logs, metrics, tracing


@contextmanager
def job(task_id: str, waited: float) -> Iterator[None]:
    """Runs the job of the block; `waited` is how long it was queued, in seconds."""
    with logs.task(task_id), metrics.job(waited), tracing.job(task_id):
        yield


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Runs one of `frontend.metrics.STAGES`."""
    with metrics.stage(name), tracing.span(name):
        yield
