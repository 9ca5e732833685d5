"""Stages of the pipeline as plain generators; `prefetch` and `ordered_map` let them work in threads of their own."""

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
    """The same items, produced by a thread that stays at most `size` items in front.

    An exception of the producer is raised here. When the consumer stops early the thread ends and closes `items`.
    """
    line: queue.Queue[object] = queue.Queue(size)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                line.put(item, timeout=0.1)
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

    # The context says whose job this is, to the log and to the trace.
    thread = threading.Thread(target=copy_context().run, args=(produce,), name=name, daemon=True)
    thread.start()
    try:
        while (item := line.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


def ordered_map(items: Iterable[S], work: Callable[[S], T], workers: int, name: str) -> Generator[T, None, None]:
    """`work` of every item, in the order of the items, done by threads on up to `workers` of them at a time.

    One more item waits, so that whoever is done goes on while the one before it is still being worked on.

    An exception of `work` is raised here, in its turn. When the consumer stops early, what was begun is waited for.
    """
    line: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix=name) as pool:
        try:
            for item in items:
                line.append(pool.submit(copy_context().run, work, item))
                if len(line) > workers:
                    yield line.popleft().result()
            while line:
                yield line.popleft().result()
        finally:
            for future in line:
                future.cancel()
