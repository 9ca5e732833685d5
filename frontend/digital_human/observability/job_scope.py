"""The scope of one job in metrics, log and trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from digital_human.observability import logs, metrics, tracing


@contextmanager
def job(task_id: str) -> Iterator[None]:
    """The block runs the job. Another process may have begun it."""
    with logs.task(task_id), metrics.count_job(), tracing.job(task_id):
        yield
