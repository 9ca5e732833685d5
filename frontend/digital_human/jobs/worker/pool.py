"""The worker processes of the service: one for each job at a time, and helpers for idle processors."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from digital_human.core.cpus import usable_processors
from digital_human.errors import UnavailableError
from digital_human.jobs.worker.process import Worker
from digital_human.settings import Settings

PROCESSORS, MOST_HELPERS = 4, 3
"""A worker keeps about four processors busy, with x264 and its share of the networks. It may hold half a gigabyte."""


class WorkerPool:
    """A worker for each job that may run at the same time, and helpers. The worker that was used last is used first.

    Only the first worker is started ahead: starting all of them at once would slow down the first job.
    """

    def __init__(self, settings: Settings, triton_url: Callable[[], str]) -> None:
        # The kernel ends a worker with the *thread* that started it, so one thread that stays starts them all.
        self._spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")
        self.helpers = helpers_for(settings)
        count = settings.max_jobs + self.helpers
        self._all = [Worker(settings, triton_url, self._spawner) for _ in range(count)]
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in reversed(self._all[: settings.max_jobs]):
            self._idle.put(worker)
        # Adding and taking at one end is atomic.
        self._helpers = self._all[settings.max_jobs :]

    @contextmanager
    def lease(self) -> Iterator[Worker]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)

    @contextmanager
    def idle(self, patience: float) -> Iterator[Worker]:
        """A worker that is at no job, for a moment. Raises UnavailableError if there is none for `patience` seconds."""
        try:
            worker = self._idle.get(timeout=patience)
        except queue.Empty:
            raise UnavailableError("workers_busy", retry_after=round(patience)) from None
        try:
            yield worker
        finally:
            self._idle.put(worker)

    def helper(self) -> Worker | None:
        """A worker that renders segments beside a job's own, to be given back; None if all are busy."""
        try:
            return self._helpers.pop()
        except IndexError:
            return None

    def give_back(self, helper: Worker) -> None:
        self._helpers.append(helper)

    def pids(self) -> list[int]:
        """The processes that run now."""
        return [pid for worker in self._all if (pid := worker.pid) is not None]

    def start(self) -> None:
        """Start the first worker, so that the first job need not wait for it."""
        self._all[0].start()

    def stop(self) -> None:
        for worker in self._all:
            worker.stop()
        self._spawner.shutdown()


def helpers_for(settings: Settings) -> int:
    """Workers beyond one for each job: as set, or as many as the processors have room for."""
    if settings.helpers is not None:
        return settings.helpers
    return min(max(usable_processors() // PROCESSORS - settings.max_jobs, 0), MOST_HELPERS)
