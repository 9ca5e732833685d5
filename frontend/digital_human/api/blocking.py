"""The queue, asked in threads: its database may take its time, and the event loop has none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from digital_human.errors import UnavailableError
from digital_human.jobs.queue import Jobs

PATIENCE = 10.0
"""Seconds. A database that is away is waited for by those who work, not by those who ask."""

P = ParamSpec("P")
T = TypeVar("T")


async def ask(question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer. Raises what the question raises, and UnavailableError where there is none in time."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(question, *args, **kwargs), PATIENCE)
    except asyncio.TimeoutError as error:
        raise UnavailableError("the queue's database does not answer at the moment") from error


async def hand_in(jobs: Jobs, submit: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `submit` returns, which puts a job into the queue.

    Raises what it raises, and UnavailableError where the database does not answer: that is asked before, as a caller
    who was told so shall not find the job in the queue later.
    """
    await ask(jobs.require_database)
    return await asyncio.to_thread(submit, *args, **kwargs)
