"""All live sessions of a service."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from digital_human.errors import BadInputError, NotFoundError, QueueFullError, ServiceError, UnavailableError
from digital_human.jobs.worker.protocol import Failed, Message
from digital_human.live.brake import brake
from digital_human.live.messages import (
    Event,
    Flush,
    Idle,
    Interrupt,
    Opened,
    OpenSession,
    Play,
    Preparing,
    Stats,
    Watch,
    error_event,
)
from digital_human.live.process import LiveProcess
from digital_human.live.tokens import Tokens
from digital_human.live.viewers import Video, Viewer
from digital_human.observability import metrics, tracing
from digital_human.settings import Settings

log = logging.getLogger(__name__)

State = Literal["idle", "speaking"]
MOST_VIEWERS = 8
"""Clients of one session at the same time: each holds a second of pictures."""
MOST_AHEAD = 600.0
"""Seconds of speech that may be sent before they are spoken."""
REMEMBERED = 200
"""Latencies of a session from which its quantiles are told."""
_LOOK = 1.0


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

    def add(self, stats: Stats) -> None:
        self.pictures += stats.pictures
        self.late += stats.late
        self.dropped += stats.dropped
        self.held += stats.held
        self.utterances += len(stats.first_picture)
        self.first_picture.extend(stats.first_picture)
        self.interrupted.extend(stats.interrupted)


class LiveSession:
    """One session, while its process runs.

    number: another name, for clients that know numbers only
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
        self._ended = asyncio.Event()
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
    for seconds in stats.first_picture:
        metrics.live_first_picture.observe(seconds)
    for seconds in stats.interrupted:
        metrics.live_interrupt.observe(seconds)


class LiveSessions:
    """Opens, finds and ends sessions. Everything but `stop` is called in the event loop of the service.

    job_pids: processes of queued jobs, which live speech slows down
    """

    def __init__(
        self, settings: Settings, triton_url: Callable[[], str], job_pids: Callable[[], Iterable[int]] = lambda: ()
    ) -> None:
        self._settings, self._triton_url, self._job_pids = settings, triton_url, job_pids
        self._brake: asyncio.Task[None] | None = None
        self._sessions: dict[str, LiveSession] = {}
        metrics.live_sessions.set_function(lambda: len(self._sessions))
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawner = ThreadPoolExecutor(1, thread_name_prefix="live-spawner")
        self.tokens = Tokens(settings.live_token_seconds)
        self.service_name = settings.live_service or socket.gethostname()

    def __len__(self) -> int:
        return len(self._sessions) + self._opening

    def of(self, owner: str | None) -> Iterable[LiveSession]:
        """The sessions of an owner; all of them for None."""
        return [session for session in self._sessions.values() if owner in (None, session.owner)]

    def find(self, session_id: str, owner: str | None) -> LiveSession:
        """Raises NotFoundError, which names the service where a session of another one lives."""
        session = self._sessions.get(session_id)
        if session is not None and owner in (None, session.owner):
            return session
        _, _, service = session_id.partition(".")
        if service and service != self.service_name:
            raise NotFoundError("live_session_elsewhere", service=service)
        raise NotFoundError("live_session_not_found")

    def find_number(self, number: str, owner: str | None) -> LiveSession:
        """The session of this number. Raises NotFoundError."""
        for session in self._sessions.values():
            if str(session.number) == number and owner in (None, session.owner):
                return session
        raise NotFoundError("live_session_not_found")

    async def open(self, video: Path, owner: str, options: LiveOptions) -> LiveSession:
        """Start a process and have it prepare the template.

        Raises QueueFullError where there are too many sessions, and what the process raises.
        """
        most = self._settings.live_sessions
        if len(self) >= most:
            raise QueueFullError("live_sessions_full", most=most)
        session_id = f"{uuid.uuid4()}.{self.service_name}"
        self._opening += 1
        try:
            process = await LiveProcess.start(self._settings, self._triton_url(), self._spawner)
            try:
                process.send(
                    OpenSession(
                        session_id,
                        video,
                        options.engine,
                        options.sample_rate,
                        options.idle,
                        options.mouth_strength,
                        options.visible_mark,
                        options.label,
                        tracing.headers(),
                    )
                )
                opened = await self._opened(process)
            except BaseException:
                process.close()
                raise
            session = LiveSession(session_id, owner, options, process, opened)
            self._sessions[session_id] = session
        finally:
            self._opening -= 1
        log.info("live session begins", extra={"session": session_id, "owner": owner, "template": video.name})
        if self._brake is None:
            share = self._settings.live_job_share
            self._brake = asyncio.create_task(brake(self._is_speaking, self._job_pids, share))
        self._tasks.add(task := asyncio.create_task(self._run(session, video.name)))
        task.add_done_callback(self._tasks.discard)
        return session

    async def close(self, session: LiveSession) -> None:
        """End a session; returns when it is over."""
        session.stop()
        while session.id in self._sessions:
            await asyncio.sleep(0.01)

    def stop(self) -> None:
        """End all processes, when the service stops."""
        for session in list(self._sessions.values()):
            session.stop()
        self._spawner.shutdown()

    def _is_speaking(self) -> bool:
        return any(session.state == "speaking" for session in self._sessions.values())

    async def _opened(self, process: LiveProcess) -> Opened:
        while True:
            try:
                message = await asyncio.wait_for(process.receive(), self._settings.stall_seconds)
            except asyncio.TimeoutError as error:
                raise UnavailableError("live_session_stalled", seconds=self._settings.stall_seconds) from error
            match message:
                case Opened():
                    return message
                case Failed():
                    raise message.error()
                case Preparing():
                    continue
                case _:
                    raise ServiceError("live_process_ended")

    async def _run(self, session: LiveSession, template: str) -> None:
        watch = asyncio.create_task(self._end_when_left(session))
        try:
            await session.run()
        finally:
            watch.cancel()
            self._sessions.pop(session.id, None)
            if not self._sessions and self._brake is not None:
                self._brake.cancel()
                self._brake = None
            seconds, figures = round(time.time() - session.created, 1), session.figures
            metrics.live_session_seconds.inc(seconds)
            log.info(
                "live session ended",
                extra={
                    "session": session.id,
                    "owner": session.owner,
                    "template": template,
                    "seconds": seconds,
                    "utterances": figures.utterances,
                    "pictures": figures.pictures,
                    "late": figures.late,
                    "dropped": figures.dropped,
                },
            )

    async def _end_when_left(self, session: LiveSession) -> None:
        """End a session that nobody watches, or to which nobody speaks, for too long."""
        settings = self._settings
        while True:
            await asyncio.sleep(min(_LOOK, settings.live_idle_seconds / 4))
            now = time.monotonic()
            if session.viewers:
                session.touched = now
            if session.state == "speaking":
                session.heard = now
            if now - session.touched > settings.live_idle_seconds or now - session.heard > settings.live_silent_seconds:
                session.stop()
                return
