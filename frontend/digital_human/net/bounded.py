"""Coroutines with a deadline and a way out, run from threads.

A host that sends one byte now and then never exceeds the time limit of a single read. Cancelling the coroutine that
talks to it closes the connection at once, wherever it waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

_POLL = 0.1
_CLOSING = 2.0
"""Seconds that a cancelled coroutine has to close its connection."""

T = TypeVar("T")


class DeadlineError(Exception):
    """The coroutine took longer than it may."""


def run_bounded(work: Coroutine[Any, Any, T], seconds: float, check: Callable[[], None]) -> T:
    """Run `work` in a separate event loop and return its result.

    check: called several times a second; raises to cancel `work`
    Raises what `work` or `check` raises, and DeadlineError after `seconds`.
    """
    return asyncio.run(_bounded(work, seconds, check))


async def _bounded(work: Coroutine[Any, Any, T], seconds: float, check: Callable[[], None]) -> T:
    task = asyncio.ensure_future(work)
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    try:
        while not task.done():
            check()
            left = deadline - clock()
            if left <= 0:
                raise DeadlineError
            await asyncio.wait({task}, timeout=min(left, _POLL))
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=_CLOSING)


async def call_in_thread(function: Callable[[], T]) -> T:
    """The result of a blocking call, made in a daemon thread that is abandoned when this coroutine is cancelled.

    With `asyncio.to_thread` the end of the event loop would wait for the thread.
    """
    future: Future[T] = Future()

    def call() -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function())
            except Exception as error:
                future.set_exception(error)

    threading.Thread(target=call, name="blocking call", daemon=True).start()
    return await asyncio.wrap_future(future)
