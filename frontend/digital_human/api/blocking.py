"""Calls that block on the queue's database, in threads: the event loop must not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from digital_human.errors import UnavailableError
from digital_human.jobs.database_threads import in_database_thread
from digital_human.jobs.models import JobRequest, Task
from digital_human.service import Service

PATIENCE = 10.0
"""Seconds that a caller waits for the database. Jobs wait longer."""

P = ParamSpec("P")
T = TypeVar("T")


async def run_blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the function in a thread. Raises what it raises, and UnavailableError if it takes longer than PATIENCE."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(in_database_thread(function, *args, **kwargs)), PATIENCE)
    except asyncio.TimeoutError as error:
        raise UnavailableError("database_silent") from error


async def submit_job(service: Service, request: JobRequest) -> Task:
    """Queue a job. Raises what `Service.submit` raises, and UnavailableError if the database does not answer.

    The database is asked first, and then given all the time it needs: a job whose caller got an error must not turn up
    in the queue later.
    """
    await run_blocking(service.jobs.require_database)
    return await asyncio.wrap_future(in_database_thread(service.submit, request))
