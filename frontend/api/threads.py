"""Questions to the queue, asked in a thread: its database may take its time, and the event loop has none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from frontend.errors import Unavailable

PATIENCE = 10.0
"""Seconds. A database that is away is waited for by those who work, not by those who ask."""

P = ParamSpec("P")
T = TypeVar("T")


async def ask(question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer. Raises what the question raises, and Unavailable where there is none in time."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(question, *args, **kwargs), PATIENCE)
    except asyncio.TimeoutError as error:
        raise Unavailable("the queue's database does not answer at the moment") from error
