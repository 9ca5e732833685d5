"""The segments of a job, rendered in order by the job's own worker, and beside it by helpers that are idle."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from fractions import Fraction
from types import TracebackType

from digital_human.errors import JobCancelledError, ServiceError
from digital_human.jobs.cancellation import Interrupted
from digital_human.jobs.worker.pool import WorkerPool
from digital_human.jobs.worker.process import Worker

log = logging.getLogger(__name__)

_TICK = 0.25
"""Seconds between two checks for an idle helper, if nothing happens."""


def segment_lengths(frames: int, fps: Fraction, seconds: float) -> list[int]:
    """Frames of each segment. All have about the same length, of about `seconds`."""
    count = max(round(float(frames / fps) / seconds), 1)
    count = min(count, frames)
    return [frames * (k + 1) // count - frames * k // count for k in range(count)]


class _HelperFailedError(Exception):
    """A helper could not render a segment. Its cause says why."""


class Segments:
    """Renders the segments of one job while the job waits for them in order.

    job_worker: the job's own worker. It is idle when the block ends.
    count:      segments of the job
    render:     has a worker render a segment, by its index. Threads call it, for several segments at a time. It calls
                `check` several times a second, which raises once nobody waits any more.
    may_lead:   whether a segment may begin before it is waited for
    """

    def __init__(
        self,
        job_worker: Worker,
        pool: WorkerPool,
        count: int,
        render: Callable[[int, Worker], None],
        may_lead: Callable[[], bool],
    ) -> None:
        self._job_worker = job_worker
        self._job_worker_is_idle = True
        self._pool = pool
        self._left = deque(range(count))
        self._render = render
        self._may_lead = may_lead
        self._rendered: dict[int, Future[None]] = {}
        self._without_helpers = False
        self._news = threading.Event()
        self._abandoned = threading.Event()
        self._threads = ThreadPoolExecutor(1 + pool.helpers, "segment")

    def __enter__(self) -> Segments:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandoned.set()
        self._threads.shutdown(cancel_futures=True)

    def check(self) -> None:
        """Raises Interrupted once the block has ended."""
        if self._abandoned.is_set():
            raise Interrupted

    def take(self, index: int, on_tick: Callable[[], None]) -> None:
        """Return when a segment is rendered. Earlier ones are no longer needed; later ones begin meanwhile.

        on_tick: called several times a second until then
        Raises what rendering it raised, and renders it again if it is asked for again. If a helper fails, the job goes
        on without helpers: the helper may only have come too late to open the inputs.
        """
        while self._left and self._left[0] < index:
            self._left.popleft()
        while True:
            self._news.clear()
            rendered = self._rendered.get(index)
            if rendered is None or not rendered.done():
                self._begin(index)
                on_tick()
                self._news.wait(_TICK)
                continue
            del self._rendered[index]
            error = rendered.exception()
            if error is None:
                return
            self._left.appendleft(index)
            if not isinstance(error, _HelperFailedError):
                raise error
            log.warning("segment %d is left to the job's own process: %s", index, error.__cause__)
            self._without_helpers = True

    def _begin(self, awaited: int) -> None:
        while self._left and (self._left[0] == awaited or self._may_lead()):
            worker = self._idle_worker()
            if worker is None:
                return
            index = self._left.popleft()
            rendered = self._threads.submit(copy_context().run, self._work, index, worker)
            rendered.add_done_callback(lambda _: self._news.set())
            self._rendered[index] = rendered

    def _idle_worker(self) -> Worker | None:
        if self._job_worker_is_idle:
            self._job_worker_is_idle = False
            return self._job_worker
        return None if self._without_helpers else self._pool.helper()

    def _work(self, index: int, worker: Worker) -> None:
        if worker is self._job_worker:
            try:
                self._render(index, worker)
            finally:
                self._job_worker_is_idle = True
            return
        try:
            self._render(index, worker)
        except ServiceError as error:
            if error.transient or isinstance(error, JobCancelledError):
                raise
            raise _HelperFailedError from error
        finally:
            self._pool.give_back(worker)
