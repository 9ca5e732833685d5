"""How soon the lips are shut after an interruption, seen in the pictures that come out.

A session's pictures at rest return with each turn of its template. What differs from them in speech is the mouth, which
is shut once a picture differs from the one at rest by no more than `SHUT` of what the utterance's pictures did at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.live_turns import PATIENCE, say
from digital_human.core.frame import Uint8
from digital_human.live_client import LiveSession, Picture

SHUT = 0.02
"""Lips a fifth open differ by about a tenth."""


@dataclass
class _Seen:
    """pictures: when each came, its number, and every other point of its luma"""

    pictures: list[tuple[float, int, Uint8]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self.arrived.clear()
            await asyncio.wait_for(self.arrived.wait(), PATIENCE)


async def shut(session: LiveSession, speech: bytes, count: int, frames: int) -> list[float]:
    """Seconds from `count` interruptions in the midst of speech until the lips are shut.

    session: opened with video="i420", nobody has spoken in it; frames: of the template
    """
    seen, turn = _Seen(), max(2 * frames - 2, 1)
    reader = asyncio.create_task(_watch(session, seen))
    await seen.until(lambda: len({number % turn for _, number, _ in seen.pictures}) == turn)
    rest = {number % turn: luma for _, number, luma in seen.pictures}

    def opening(picture: tuple[float, int, Uint8]) -> float:
        return float(np.abs(picture[2].astype(np.int16) - rest[picture[1] % turn]).mean())

    seconds = []
    for k in range(count):
        seen.pictures.clear()
        await say(session, speech, real_time=True, share=0.3 + 0.6 * k / count)
        open_, known = max(map(opening, seen.pictures)), len(seen.pictures)
        asked = time.monotonic()
        await session.interrupt()
        await asyncio.sleep(1.5)
        seconds.append(next(one[0] for one in seen.pictures[known:] if opening(one) <= SHUT * open_) - asked)
    await session.close()
    await reader
    return seconds


async def _watch(session: LiveSession, seen: _Seen) -> None:
    async for item in session:
        if isinstance(item, Picture):
            number = round(item.timestamp * session.fps / 1e6)
            luma = np.frombuffer(item.data, np.uint8, session.width * session.height)
            seen.pictures.append((time.monotonic(), number, luma.reshape(session.height, -1)[::2, ::2].copy()))
            seen.arrived.set()
