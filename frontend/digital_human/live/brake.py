"""Live goes first: while somebody speaks live, the processes of queued jobs run for a share of the time only.

They are stopped and continued by signals, so a job goes on slowly and needs to know nothing of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress

PERIOD = 0.25
"""Seconds in which processes run once and stand still once."""


async def brake(is_speaking: Callable[[], bool], pids: Callable[[], Iterable[int]], share: float) -> None:
    """Slow the processes down while somebody speaks, until cancelled. share: of the time in which they run, 0-1"""
    stopped: list[int] = []
    try:
        while True:
            if is_speaking() and share < 1:
                stopped = list(pids())
                _signal(stopped, signal.SIGSTOP)
                await asyncio.sleep(PERIOD * (1 - share))
                _signal(stopped, signal.SIGCONT)
                stopped = []
                await asyncio.sleep(PERIOD * share)
            else:
                await asyncio.sleep(PERIOD)
    finally:
        _signal(stopped, signal.SIGCONT)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
