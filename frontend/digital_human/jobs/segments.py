"""The segments of a job, drawn in order by its own worker, and beside it by helpers as far as some are idle."""

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
from digital_human.jobs.worker.process import Worker, Workers

log = logging.getLogger(__name__)

_GLANCE = 0.25
"""Seconds between two looks whether a helper is idle now, if nothing happens."""


def segment_lengths(frames: int, fps: Fraction, seconds: float) -> list[int]:
    """Frames of each segment: equal ones of about `seconds`; a last piece too short to be worth it is shared out."""
    count = max(round(float(frames / fps) / seconds), 1)
    count = min(count, frames)
    return [frames * (k + 1) // count - frames * k // count for k in range(count)]


class _HelperFailedError(Exception):
    """Because of what it was raised from."""


class Segments:
    """Draws the segments of one job while somebody waits for them in order.

    own:      the job's worker; it is back when the block ends
    count:    segments of the job
    draw:     has one, by its index, drawn by a worker; called in threads, for several at a time. It is to ask `check`
              several times a second, which raises where nobody waits any more
    may_lead: whether a segment may be begun before it is waited for
    """

    def __init__(
        self,
        own: Worker,
        workers: Workers,
        count: int,
        draw: Callable[[int, Worker], None],
        may_lead: Callable[[], bool],
    ) -> None:
        self._lead = own
        # None while it draws.
        self._own: Worker | None = own
        self._workers = workers
        self._left = deque(range(count))
        self._draw = draw
        self._may_lead = may_lead
        self._drawn: dict[int, Future[None]] = {}
        self._alone = False
        self._news = threading.Event()
        self._abandoned = threading.Event()
        self._threads = ThreadPoolExecutor(1 + workers.helpers, "segment")

    def __enter__(self) -> Segments:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandoned.set()
        self._threads.shutdown(cancel_futures=True)

    def check(self) -> None:
        """Raises Interrupted where the job has been left."""
        if self._abandoned.is_set():
            raise Interrupted

    def take(self, index: int, glance: Callable[[], None]) -> None:
        """Return when a segment is drawn; those before it need not be any more. Meanwhile later ones are begun.

        glance: called several times a second until then
        Raises what drawing it raised; asked for again, it is drawn again. Where a helper cannot do it the job goes on
        without any: it may only have come too late to open the inputs.
        """
        while self._left and self._left[0] < index:
            self._left.popleft()
        while True:
            self._news.clear()
            drawn = self._drawn.get(index)
            if drawn is None or not drawn.done():
                self._begin(index)
                glance()
                self._news.wait(_GLANCE)
                continue
            del self._drawn[index]
            error = drawn.exception()
            if error is None:
                return
            self._left.appendleft(index)
            if not isinstance(error, _HelperFailedError):
                raise error
            log.warning("segment %d is left to the job's own process: %s", index, error.__cause__)
            self._alone = True

    def _begin(self, awaited: int) -> None:
        while self._left and (self._left[0] == awaited or self._may_lead()):
            worker = self._free()
            if worker is None:
                return
            index = self._left.popleft()
            drawn = self._threads.submit(copy_context().run, self._work, index, worker)
            drawn.add_done_callback(lambda _: self._news.set())
            self._drawn[index] = drawn

    def _free(self) -> Worker | None:
        if self._own is not None:
            own, self._own = self._own, None
            return own
        return None if self._alone else self._workers.helper()

    def _work(self, index: int, worker: Worker) -> None:
        if worker is self._lead:
            try:
                self._draw(index, worker)
            finally:
                self._own = worker
            return
        try:
            self._draw(index, worker)
        except ServiceError as error:
            if error.transient or isinstance(error, JobCancelledError):
                raise
            raise _HelperFailedError from error
        finally:
            self._workers.give_back(worker)
