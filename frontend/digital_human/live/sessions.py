"""All live sessions of a service."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from digital_human.errors import NotFoundError, QueueFullError, ServiceError, UnavailableError
from digital_human.jobs.worker.protocol import Failed
from digital_human.live.brake import brake
from digital_human.live.messages import (
    Opened,
    OpenSession,
    Preparing,
)
from digital_human.live.process import LiveProcess
from digital_human.live.session import LiveOptions, LiveSession
from digital_human.live.tokens import Tokens
from digital_human.observability import metrics, tracing
from digital_human.settings import Settings

log = logging.getLogger(__name__)

_LOOK = 1.0


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
        await session.ended.wait()

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
            session.ended.set()
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
