"""Live sessions through a real WebSocket and a real WebRTC peer, sound sent as it is spoken: what they reach.

    python -m benchmarks.live [--only talk idle lips peer storm clock sync] [--sessions 1 2 3] [--minutes 0]

talk   sessions side by side that take turns: first pictures, interruptions, late pictures, memory;
       with --minutes also one for so long
idle   sessions in which nobody speaks
lips   until the lips are shut, seen in the pictures
peer   first pictures and skew of a WebRTC peer (package aiortc)
storm  interruptions in a row
clock  skew after hours, on simulated time
sync   lips of a session against those of a file

A service is started with the sample template; `--url` takes one that runs, without its memory. One line of JSON a
scene, and a table at the end. Latencies are in seconds and measured at the client.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks import live_clock, live_lips, live_peer, live_sync
from benchmarks.live_turns import Measured, interrupt, speak
from benchmarks.measure import costing, own_memory, shared_memory
from benchmarks.service_fixture import Service, serving
from digital_human.live_client import LiveSession, Picture, open_live

SAMPLES = Path(__file__).parents[1] / "samples"
SCENES = ("talk", "idle", "lips", "peer", "storm", "clock", "sync")
UTTERANCE = 3.0
"""Seconds of an utterance."""
HOURS = 8.0
IDLE = (8,)
CLOCKS = ((16_000, Fraction(25)), (22_050, Fraction(30_000, 1001)))
SETTLE = 15.0
"""Seconds in which idle sessions start and draw their pictures at rest."""
FRAMES = 75
"""Of the sample template."""

Result = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SCENES, default=SCENES)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--minutes", type=float, default=0, help="of one session more that talks")
    parser.add_argument("--count", type=int, default=20, help="interruptions of lips, utterances of peer")
    parser.add_argument("--speech", type=Path, nargs="+", default=[SAMPLES / "speech.wav"], help="of sync")
    parser.add_argument("--url", help="of a service that runs; its BASE_PATH must hold the sample template")
    options = parser.parse_args()
    results: list[Result] = []

    def tell(scene: str, result: Result) -> None:
        results.append({"scene": scene, **result})
        print(json.dumps(results[-1]), flush=True)

    if "clock" in options.only:
        for rate, fps in CLOCKS:
            tell("clock", {"rate": rate, "fps": round(float(fps), 3), **live_clock.drift(rate, fps, HOURS)})
    if "sync" in options.only:
        tell("sync", live_sync.follow(SAMPLES / "template.mkv", options.speech))
    if set(options.only) - {"clock", "sync"}:
        with _service(options.url, max([*options.sessions, *IDLE])) as (url, service):
            _through(url, service, options, tell)
    print(table(results))


@contextmanager
def _service(url: str | None, sessions: int) -> Iterator[tuple[str, Service | None]]:
    if url:
        yield url.rstrip("/"), None
        return
    os.environ["LIVE_SESSIONS"] = str(sessions)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as service:
        shutil.copy(SAMPLES / "template.mkv", folder)
        yield str(service.client.base_url).rstrip("/"), service


def _through(
    url: str, service: Service | None, options: argparse.Namespace, tell: Callable[[str, Result], None]
) -> None:
    with wave.open(str(SAMPLES / "speech.wav")) as file:
        rate = file.getframerate()
        speech = file.readframes(int(UTTERANCE * rate))
    template = {"video_path": "template.mkv", "sample_rate": rate}
    # The first session prepares the template.
    answer = httpx.post(f"{url}/live/sessions", json=template, timeout=600)
    answer.raise_for_status()
    httpx.delete(f"{url}/live/sessions/{answer.json()['data']['session_id']}").raise_for_status()

    async def one(work: Callable[[LiveSession], Any], **more: Any) -> Any:
        async with open_live(url, **template, **more) as session:
            return await work(session)

    if "talk" in options.only:
        for sessions in options.sessions:
            tell("talk", asyncio.run(talk(one, service, sessions, options.seconds, speech)))
        if options.minutes:
            tell("long", asyncio.run(talk(one, service, 1, options.minutes * 60, speech)))
    if "idle" in options.only:
        for sessions in IDLE:
            tell("idle", asyncio.run(idle(one, service, sessions, options.seconds)))
    if "lips" in options.only:
        shut = asyncio.run(one(lambda s: live_lips.shut(s, speech, options.count, FRAMES), video="i420"))
        tell("lips", {"lips_shut": quantiles(shut)})
    if "peer" in options.only:
        result = asyncio.run(one(lambda s: live_peer.measure(url, s, speech, options.count)))
        tell("peer", {**result, "first_picture": quantiles(result["first_picture"])})
    if "storm" in options.only:
        measured = Measured()
        asyncio.run(one(lambda s: interrupt(s, speech, 200, measured)))
        tell(
            "storm",
            {"interruptions": len(measured.interrupted), "lost": measured.lost, "end": quantiles(measured.interrupted)},
        )


async def talk(one: Any, service: Service | None, sessions: int, seconds: float, speech: bytes) -> Result:
    """Sessions that take turns at the same time."""
    measured = [Measured() for _ in range(sessions)]
    running = asyncio.gather(*(one(lambda s, m=m: speak(s, speech, seconds, m)) for m in measured))
    await asyncio.sleep(min(seconds, 20) * 0.8)
    memory = _memory(service)
    await running
    pictures = sum(m.pictures for m in measured)
    return {
        "sessions": sessions,
        "seconds": seconds,
        "first_picture_real_time": quantiles([t for m in measured for t in m.first_real_time]),
        "first_picture_at_once": quantiles([t for m in measured for t in m.first_at_once]),
        "interrupt_to_finished": quantiles([t for m in measured for t in m.interrupted]),
        "largest_skew": max(m.skew for m in measured),
        "pictures": pictures,
        "late_share": round(sum(m.late for m in measured) / max(pictures, 1), 4),
        "missing_share": round(sum(m.missing for m in measured) / max(pictures, 1), 4),
        "utterances": sum(m.utterances for m in measured),
        "cut": sum(m.cut for m in measured),
        "lost": sum(m.lost for m in measured),
        "memory_mb": memory,
    }


async def idle(one: Any, service: Service | None, sessions: int, seconds: float) -> Result:
    """Sessions that are watched while nobody speaks, from their second turn of the template on."""
    period, late, pictures = 0.0, 0, 0

    async def watch(session: LiveSession) -> None:
        nonlocal late, pictures, period
        period, clock, began = 1 / session.fps, float("inf"), time.monotonic()
        async for item in session:
            if isinstance(item, Picture) and (now := time.monotonic()) > began + SETTLE:
                clock = min(clock, now - item.timestamp / 1e6)
                pictures += 1
                late += now - item.timestamp / 1e6 - clock > 1.5 * period
                if now > began + SETTLE + seconds:
                    return

    watching = asyncio.gather(*(one(watch) for _ in range(sessions)))
    await asyncio.sleep(SETTLE)
    with costing(service.processes if service else lambda: ()) as cost:
        await asyncio.sleep(seconds)
    await watching
    share = round(cost.cpu / cost.wall, 2) if service else None
    return {
        "sessions": sessions,
        "pictures": pictures,
        "late_share": round(late / max(pictures, 1), 4),
        "processors": share,
    }


def _memory(service: Service | None) -> float | None:
    if service is None:
        return None
    return round(own_memory(service.processes()) + shared_memory(service.processes()))


def quantiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"p{q}": round(float(np.percentile(values, q)), 3) for q in (50, 95)} | {"n": len(values)}


def table(results: list[Result]) -> str:
    """Markdown: what was reached."""
    rows = ["| scene | reached |", "| --- | --- |"]
    memory: dict[int, float] = {}
    for result in results:
        scene = result["scene"]
        if scene == "talk" and result["memory_mb"]:
            memory[result["sessions"]] = result["memory_mb"]
        title = f"{scene}, {result['sessions']} sessions" if "sessions" in result else scene
        told = ", ".join(
            f"{name} {_text(value)}" for name, value in result.items() if name not in ("scene", "sessions")
        )
        rows.append(f"| {title} | {told} |")
    if 1 in memory and (most := max(memory)) > 1:
        rows.append(f"| memory a session beyond the first | {(memory[most] - memory[1]) / (most - 1):.0f} MB |")
    return "\n".join(rows)


def _text(value: Any) -> str:
    return "/".join(str(v) for v in value.values()) if isinstance(value, dict) else str(value)


if __name__ == "__main__":
    main()
