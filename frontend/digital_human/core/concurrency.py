"""Pipeline stages are plain generators; `prefetch` and `ordered_map` run them in threads."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")
_END = object()


class _Raised(Generic[T]):
    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetch(items: Iterable[T], size: int, name: str) -> Generator[T, None, None]:
    """Yield `items`, produced by a thread that runs at most `size` items ahead.

    An exception of the producer is raised in the consumer. If the consumer stops early, the thread ends and closes
    `items`.
    """
    buffer: queue.Queue[object] = queue.Queue(size)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                buffer.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                if not put(item):
                    break
            put(_END)
        except BaseException as error:
            put(_Raised(error))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    # The context carries the job's id to the log and the trace.
    thread = threading.Thread(target=copy_context().run, args=(produce,), name=name, daemon=True)
    thread.start()
    try:
        while (item := buffer.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


def ordered_map(items: Iterable[S], work: Callable[[S], T], workers: int, name: str) -> Generator[T, None, None]:
    """Yield `work(item)` for every item, in order, computed by `workers` threads.

    One more item is queued, so that a thread that finishes early has work while the item before its own still runs.
    An exception of `work` is raised in its turn. If the consumer stops early, calls that have begun are waited for.
    """
    pending: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix=name) as pool:
        try:
            for item in items:
                pending.append(pool.submit(copy_context().run, work, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
