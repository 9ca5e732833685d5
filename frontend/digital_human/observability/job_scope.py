"""A job, told to the metrics, the log and the trace at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from digital_human.observability import logs, metrics, tracing


@contextmanager
def job(task_id: str) -> Iterator[None]:
    """The block runs the job; it may have been begun by another process."""
    with logs.task(task_id), metrics.job(), tracing.job(task_id):
        yield
