"""Turns of one client in a live session: spoken as it goes, faster than that, and interrupted."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from digital_human.live_client import Event, LiveSession, Picture, Sound

CHUNK = 0.04
"""Seconds of sound in a message."""
PATIENCE = 60.0
"""Seconds behind an utterance's end from which it counts as lost."""


@dataclass
class Measured:
    """Of one session, seconds.

    skew:    by which the sound that came is longer or shorter than the pictures' time, since the beginning
    late:    pictures more than half a frame after their time
    cut:     utterances whose sound came back with something missing
    lost:    utterances whose end was never told
    """

    first_real_time: list[float] = field(default_factory=list)
    first_at_once: list[float] = field(default_factory=list)
    interrupted: list[float] = field(default_factory=list)
    skew: float = 0.0
    pictures: int = 0
    missing: int = 0
    late: int = 0
    cut: int = 0
    lost: int = 0
    utterances: int = 0


@dataclass
class _Turn:
    """What a session waits for. began: of its first sound; finished: set by the reader"""

    began: float = 0.0
    first_picture: float = 0.0
    finished: float = 0.0
    interrupted: bool = False
    received: bytes = b""
    done: asyncio.Event = field(default_factory=asyncio.Event)


async def speak(session: LiveSession, speech: bytes, seconds: float, measured: Measured) -> None:
    """Take turns until the time is over."""
    turns: dict[int, _Turn] = {}
    reader = asyncio.create_task(_read(session, turns, measured))
    deadline, number = time.monotonic() + seconds, 0
    while time.monotonic() < deadline and not reader.done():
        for kind in ("real time", "at once", "interrupt"):
            number += 1
            turn = turns[number] = _Turn()
            await asyncio.sleep(0.5)
            turn.began = time.monotonic()
            await say(session, speech, real_time=kind != "at once", share=0.5 if kind == "interrupt" else 1.0)
            asked = time.monotonic()
            await (session.interrupt() if kind == "interrupt" else session.flush())
            if not await _is_done(turn, measured):
                continue
            if kind == "interrupt":
                measured.interrupted.append(turn.finished - asked)
                continue
            times = measured.first_real_time if kind == "real time" else measured.first_at_once
            times.append(turn.first_picture - turn.began)
            measured.cut += turn.received[: len(speech)] != speech
            turn.received = b""
    await session.close()
    await reader


async def interrupt(session: LiveSession, speech: bytes, count: int, measured: Measured) -> None:
    """Interrupt that many utterances at any moment, one straight after the other; then say one to its end."""
    turns: dict[int, _Turn] = {}
    reader = asyncio.create_task(_read(session, turns, measured))
    chance = random.Random(0)
    for number in range(1, count + 1):
        turn = turns[number] = _Turn()
        await say(session, speech, real_time=False, share=chance.uniform(0.1, 1.0))
        await asyncio.sleep(chance.uniform(0, 0.6))
        asked = time.monotonic()
        await session.interrupt()
        if await _is_done(turn, measured):
            measured.interrupted.append(turn.finished - asked)
            measured.lost += not turn.interrupted
    turn = turns[count + 1] = _Turn(began=time.monotonic())
    await say(session, speech, real_time=False)
    await session.flush()
    measured.lost += not await _is_done(turn, measured) or turn.received[: len(speech)] != speech
    await session.close()
    await reader


async def say(session: LiveSession, speech: bytes, real_time: bool, share: float = 1.0) -> None:
    """Send the speech, or a share of its beginning; a chunk is there when its last sample was spoken."""
    size, began = int(session.sample_rate * CHUNK) * 2, time.monotonic()
    chunks = [speech[k : k + size] for k in range(0, len(speech), size)]
    for k, chunk in enumerate(chunks[: max(int(len(chunks) * share), 1)]):
        if real_time:
            await asyncio.sleep(max(began + (k + 1) * CHUNK - time.monotonic(), 0))
        await session.push(chunk)


async def _is_done(turn: _Turn, measured: Measured) -> bool:
    measured.utterances += 1
    try:
        await asyncio.wait_for(turn.done.wait(), PATIENCE)
    except asyncio.TimeoutError:
        measured.lost += 1
        return False
    return True


async def _read(session: LiveSession, turns: dict[int, _Turn], measured: Measured) -> None:
    period, clock = 1e6 / session.fps, None
    last_picture = last_sound = first_sound = None
    samples = 0
    async for item in session:
        now = time.monotonic()
        turn = turns.get(item.utterance)
        if isinstance(item, Event):
            if turn is not None and item.type == "finished":
                turn.finished, turn.interrupted = now, item.fields["interrupted"]
                turn.done.set()
        elif isinstance(item, Sound):
            if turn is not None:
                turn.received += item.pcm
            if first_sound is None or last_sound is None or item.timestamp - last_sound > 1.5 * period:
                # What a slow client lost is no skew.
                first_sound, samples = item.timestamp, 0
            last_sound = item.timestamp
            measured.skew = max(
                measured.skew, abs(samples / session.sample_rate - (item.timestamp - first_sound) / 1e6)
            )
            samples += len(item.pcm) // 2
        elif isinstance(item, Picture):
            measured.pictures += 1
            # The earliest picture so far sets the clock that the others are held against.
            offset = now - item.timestamp / 1e6
            clock = offset if clock is None else min(clock, offset)
            measured.late += offset - clock > 1.5 * period / 1e6
            if last_picture is not None:
                measured.missing += max(round((item.timestamp - last_picture) / period) - 1, 0)
            last_picture = item.timestamp
            if turn is not None and not turn.first_picture:
                turn.first_picture = now
