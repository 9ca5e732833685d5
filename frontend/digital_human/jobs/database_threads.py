"""Threads for calls that wait for the queue's database.

A database that is away holds such a call without end. In separate threads it holds up nothing else: neither uploads
nor metrics nor whatever asyncio does in its default threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

THREADS = 16

P = ParamSpec("P")
T = TypeVar("T")

_pool = ThreadPoolExecutor(THREADS, "database")


def in_database_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Call the function in one of the threads, with the caller's context. Cancel the future to take it back in time."""
    return _pool.submit(copy_context().run, partial(function, *args, **kwargs))


def within(seconds: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the function in one of the threads and wait for it.

    Raises what it raises, and TimeoutError after `seconds`.
    """
    future = in_database_thread(function, *args, **kwargs)
    try:
        return future.result(seconds)
    finally:
        future.cancel()
