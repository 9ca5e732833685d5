"""How soon the lips are shut after an interruption, seen in the pictures that come out.

A session's pictures at rest return with each turn of its template, byte for byte. So the lips are shut at the latest in
the first picture that is the one at rest again. That is an upper bound: the one before it may show shut lips already.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.live_turns import PATIENCE, say
from digital_human.live_client import LiveSession, Picture


@dataclass
class _Seen:
    """pictures: when each came, its number, and a value that tells it from others"""

    pictures: list[tuple[float, int, int]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self.arrived.clear()
            await asyncio.wait_for(self.arrived.wait(), PATIENCE)


async def shut(session: LiveSession, speech: bytes, count: int, frames: int) -> list[float]:
    """Seconds from `count` interruptions in the midst of speech until the mouth is at rest.

    session: opened with video="i420", nobody has spoken in it; frames: of the template
    """
    seen, turn = _Seen(), max(2 * frames - 2, 1)
    reader = asyncio.create_task(_watch(session, seen))
    await seen.until(lambda: len({number % turn for _, number, _ in seen.pictures}) == turn)
    rest = {number % turn: picture for _, number, picture in seen.pictures}
    seconds = []
    for k in range(count):
        await say(session, speech, real_time=True, share=0.3 + 0.6 * k / count)
        # Somebody speaks: the last picture is not the one at rest.
        await seen.until(lambda: not _is_at_rest(rest, seen.pictures[-1], turn))
        asked, known = time.monotonic(), len(seen.pictures)
        await session.interrupt()
        await seen.until(lambda known=known: any(_is_at_rest(rest, one, turn) for one in seen.pictures[known:]))  # type: ignore[misc]
        seconds.append(next(one[0] for one in seen.pictures[known:] if _is_at_rest(rest, one, turn)) - asked)
    await session.close()
    await reader
    return seconds


def _is_at_rest(rest: dict[int, int], seen: tuple[float, int, int], turn: int) -> bool:
    _, number, picture = seen
    return rest[number % turn] == picture


async def _watch(session: LiveSession, seen: _Seen) -> None:
    async for item in session:
        if isinstance(item, Picture):
            number = round(item.timestamp * session.fps / 1e6)
            seen.pictures.append((time.monotonic(), number, hash(item.data)))
            seen.arrived.set()
