"""Live sessions: how soon the first picture comes, how soon an interruption is heard, and how many are late.

    python -m benchmarks.live [--sessions 1 2 3] [--seconds 30] [--url http://...]

Each session speaks in turns through a real WebSocket: an utterance as it is spoken, then one faster than that,
then one that is interrupted. Without `--url` a service is started with the sample template. One line of JSON for each
number of sessions; latencies are in seconds and measured at the client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
import wave
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from benchmarks.service_fixture import serving
from digital_human.live_client import Event, LiveSession, Picture, Sound, open_live

SAMPLES = Path(__file__).parents[1] / "samples"
CHUNK = 0.04
"""Seconds of sound in a message."""
UTTERANCE = 3.0
"""Seconds of an utterance."""


@dataclass
class Measured:
    """Of one session. skew: of the sound's and the picture's timestamps; late: pictures more than half a frame late"""

    first_real_time: list[float] = field(default_factory=list)
    first_at_once: list[float] = field(default_factory=list)
    interrupted: list[float] = field(default_factory=list)
    skew: list[float] = field(default_factory=list)
    pictures: int = 0
    missing: int = 0
    late: int = 0
    cut: int = 0


@dataclass
class _Turn:
    """What a session waits for. began: of its first sound; started, finished: set by the reader"""

    began: float = 0.0
    started: float = 0.0
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
    while time.monotonic() < deadline:
        for kind in ("real time", "at once", "interrupt"):
            number += 1
            turn = turns[number] = _Turn()
            await asyncio.sleep(0.5)
            turn.began = time.monotonic()
            await _say(session, speech, real_time=kind != "at once", half=kind == "interrupt")
            if kind == "interrupt":
                asked = time.monotonic()
                await session.interrupt()
                await turn.done.wait()
                measured.interrupted.append(turn.finished - asked)
                continue
            await session.flush()
            await turn.done.wait()
            times = measured.first_real_time if kind == "real time" else measured.first_at_once
            times.append(turn.first_picture - turn.began)
            measured.cut += turn.received[: len(speech)] != speech
    await session.close()
    await reader


async def _say(session: LiveSession, speech: bytes, real_time: bool, half: bool) -> None:
    size, began = int(session.sample_rate * CHUNK) * 2, time.monotonic()
    chunks = [speech[k : k + size] for k in range(0, len(speech), size)]
    for k, chunk in enumerate(chunks[: len(chunks) // 2] if half else chunks):
        if real_time:
            # A chunk is there when its last sample was spoken.
            await asyncio.sleep(max(began + (k + 1) * CHUNK - time.monotonic(), 0))
        await session.push(chunk)


async def _read(session: LiveSession, turns: dict[int, _Turn], measured: Measured) -> None:
    period, clock, last_picture = 1e6 / session.fps, None, None
    async for item in session:
        now = time.monotonic()
        turn = turns.get(item.utterance)
        if isinstance(item, Event):
            if turn is not None and item.type == "started":
                turn.started = now
            elif turn is not None and item.type == "finished":
                turn.finished, turn.interrupted = now, item.fields["interrupted"]
                turn.done.set()
            continue
        if isinstance(item, Sound):
            if turn is not None:
                turn.received += item.pcm
            if last_picture is not None and item.utterance:
                measured.skew.append(abs(item.timestamp - last_picture) / 1e6)
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


async def run(url: str, template: str, sessions: int, seconds: float) -> dict[str, object]:
    """Measure `sessions` at the same time."""
    with wave.open(str(SAMPLES / "speech.wav")) as file:
        rate = file.getframerate()
        speech = file.readframes(int(UTTERANCE * rate))
    measured = [Measured() for _ in range(sessions)]

    async def one(of: Measured) -> None:
        async with open_live(url, video_path=template, sample_rate=rate) as session:
            await speak(session, speech, seconds, of)

    await asyncio.gather(*map(one, measured))
    pictures = sum(m.pictures for m in measured)
    return {
        "sessions": sessions,
        "first_picture_real_time": _quantiles([t for m in measured for t in m.first_real_time]),
        "first_picture_at_once": _quantiles([t for m in measured for t in m.first_at_once]),
        "interrupt_to_finished": _quantiles([t for m in measured for t in m.interrupted]),
        "largest_skew": max((s for m in measured for s in m.skew), default=0.0),
        "pictures": pictures,
        "late_share": round(sum(m.late for m in measured) / max(pictures, 1), 4),
        "missing_share": round(sum(m.missing for m in measured) / max(pictures, 1), 4),
        "utterances_cut": sum(m.cut for m in measured),
    }


def _quantiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"p{q}": round(float(np.percentile(values, q)), 3) for q in (50, 95)} | {"n": len(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--url", help="of a service that runs; its BASE_PATH must hold the template")
    parser.add_argument("--template", default="template.mkv")
    arguments = parser.parse_args()
    if arguments.url:
        _measure(arguments.url, arguments)
        return
    os.environ["LIVE_SESSIONS"] = str(max(arguments.sessions))
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as service:
        shutil.copy(SAMPLES / "template.mkv", folder)
        _measure(str(service.client.base_url), arguments)


def _measure(url: str, arguments: argparse.Namespace) -> None:
    # The first session prepares the template.
    answer = httpx.post(f"{url}/live/sessions", json={"video_path": arguments.template}, timeout=600)
    answer.raise_for_status()
    httpx.delete(f"{url}/live/sessions/{answer.json()['data']['session_id']}").raise_for_status()
    for sessions in arguments.sessions:
        print(json.dumps(asyncio.run(run(url, arguments.template, sessions, arguments.seconds))), flush=True)


if __name__ == "__main__":
    main()
