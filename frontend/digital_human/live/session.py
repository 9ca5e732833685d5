"""One live session, as its service sees it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from digital_human.core.notices import Notice
from digital_human.errors import BadInputError, QueueFullError
from digital_human.jobs.worker.protocol import Failed, Message
from digital_human.live.messages import Event, Flush, Idle, Interrupt, Opened, Play, Stats, Watch, error_event
from digital_human.live.process import LiveProcess
from digital_human.live.viewers import Video, Viewer
from digital_human.observability import metrics

log = logging.getLogger(__name__)

State = Literal["idle", "speaking"]
MOST_VIEWERS = 8
"""Clients of one session at the same time: each holds a second of pictures."""
MOST_AHEAD = 600.0
"""Seconds of speech that may be sent before they are spoken."""
REMEMBERED = 200
"""Latencies of a session from which its quantiles are told."""


@dataclass(frozen=True)
class LiveOptions:
    """What a caller chooses about a session."""

    engine: str
    sample_rate: int = 16_000
    idle: Idle = "loop"
    mouth_strength: float = 1.0
    visible_mark: bool = False
    label: str = ""


@dataclass
class Figures:
    """What was measured of a session. Latencies are in seconds, the last ones only."""

    pictures: int = 0
    late: int = 0
    dropped: int = 0
    held: float = 0.0
    utterances: int = 0
    first_picture: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    interrupted: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    looked: int = 0
    ruined: Counter[str] = field(default_factory=Counter)

    @property
    def notices(self) -> list[Notice]:
        """What the caller should know of the pictures that went out."""
        count = self.ruined.total()
        return [Notice("live_frames_ruined", {"count": count, "looked": self.looked})] if count else []

    def add(self, stats: Stats) -> None:
        self.pictures += stats.pictures
        self.late += stats.late
        self.dropped += stats.dropped
        self.held += stats.held
        self.utterances += len(stats.first_picture)
        self.first_picture.extend(stats.first_picture)
        self.interrupted.extend(stats.interrupted)
        self.looked += len(stats.looked)
        self.ruined.update(kind for kind in stats.looked if kind)


class LiveSession:
    """One session, while its process runs.

    number: another name, for clients that know numbers only
    ended: set once the session is over
    size: width and height; touched, heard: `time.monotonic` when a client was last here, and when it last sent speech
    """

    def __init__(self, session_id: str, owner: str, options: LiveOptions, process: LiveProcess, opened: Opened) -> None:
        self.id, self.owner, self.options = session_id, owner, options
        self.size, self.fps, self.template_cached = (
            (opened.width, opened.height),
            Fraction(opened.fps),
            opened.template_cached,
        )
        self.number = 1 + secrets.randbelow(10**9)
        self.created = time.time()
        self.touched = self.heard = time.monotonic()
        self.state: State = "idle"
        self.figures = Figures()
        self.viewers: list[Viewer] = []
        self._process = process
        self.ended = asyncio.Event()
        # When everything that was sent will have been spoken.
        self._spoken = 0.0

    @property
    def pid(self) -> int:
        return self._process.pid

    def attach(self, video: Video) -> Viewer:
        """A viewer that gets everything from now on, beginning with a key frame.

        Raises QueueFullError where there are MOST_VIEWERS.
        """
        if len(self.viewers) >= MOST_VIEWERS:
            raise QueueFullError("live_viewers_full", most=MOST_VIEWERS)
        viewer = Viewer(video, self.ask_for_key)
        self.viewers.append(viewer)
        self._tell_who_watches(key=True)
        return viewer

    def detach(self, viewer: Viewer) -> None:
        with suppress(ValueError):
            self.viewers.remove(viewer)
        self.touched = time.monotonic()
        self._tell_who_watches()

    def push(self, pcm: bytes) -> None:
        """The next speech, s16le at the session's rate, whole samples.

        Raises BadInputError where it would be more than MOST_AHEAD; it is left out then.
        """
        self.heard = time.monotonic()
        spoken = max(self._spoken, self.heard) + len(pcm) / 2 / self.options.sample_rate
        if spoken - self.heard > MOST_AHEAD:
            raise BadInputError("live_speech_ahead", most=MOST_AHEAD)
        self._spoken = spoken
        self._send(pcm)

    def flush(self) -> None:
        self._send(Flush())

    def interrupt(self) -> None:
        self._spoken = 0.0
        self._send(Interrupt())

    def play(self, path: Path) -> None:
        """Say a recording, which the process decodes and removes."""
        self.heard = time.monotonic()
        self._send(Play(path))

    def stop(self) -> None:
        """End the process. Everybody who watches is told."""
        self._process.stop()

    async def run(self) -> None:
        """Hand on what the process gives, until it ends."""
        try:
            while (item := await self._process.receive()) is not None:
                if isinstance(item, bytes):
                    self._offer(item)
                elif isinstance(item, Event):
                    self._note(item)
                    self._offer(item)
                elif isinstance(item, Stats):
                    self.figures.add(item)
                    _count(item)
                elif isinstance(item, Failed):
                    self._offer(error_event(item.error()))
                    break
        finally:
            for viewer in self.viewers:
                viewer.end()
            self._process.close()

    def _note(self, event: Event) -> None:
        if event.type == "started":
            self.state = "speaking"
        elif event.type == "idle":
            self.state = "idle"
            self.heard = time.monotonic()

    def _offer(self, item: Event | bytes) -> None:
        for viewer in self.viewers:
            viewer.offer(item)

    def ask_for_key(self) -> None:
        """Have the next picture be a key frame, for whoever lost one."""
        self._tell_who_watches(key=True)

    def _tell_who_watches(self, key: bool = False) -> None:
        videos = {viewer.video for viewer in self.viewers}
        self._send(Watch("h264" in videos, "i420" in videos, bool(videos - {"events"}), key))

    def _send(self, item: Message | bytes) -> None:
        try:
            self._process.send(item)
        except BlockingIOError:
            log.error("the process of live session %s hangs and is ended", self.id)
            self.stop()


def _count(stats: Stats) -> None:
    """Add what a session tells to the metrics of the service."""
    for result, count in (("sent", stats.pictures), ("late", stats.late), ("dropped", stats.dropped)):
        metrics.live_pictures.labels(result).inc(count)
    metrics.live_held_seconds.inc(stats.held)
    metrics.live_skew.observe(stats.behind)
    for kind in stats.looked:
        metrics.live_looked.labels("ruined" if kind else "fine").inc()
    for seconds in stats.first_picture:
        metrics.live_first_picture.observe(seconds)
    for seconds in stats.interrupted:
        metrics.live_interrupt.observe(seconds)
