"""The receivers of a service's live sessions: each is tried again for a while when it is lost."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import httpx

from digital_human.errors import BadInputError, NotFoundError, QueueFullError, ServiceError, UnavailableError
from digital_human.live.candidates import Network
from digital_human.live.push import rtmp, whip
from digital_human.live.push.receiver import PATIENCE, Receiver
from digital_human.live.session import LiveSession
from digital_human.live.viewers import Viewer
from digital_human.net.rtmp import RefusedError
from digital_human.observability import metrics

log = logging.getLogger(__name__)

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt; then the receiver is given up."""
STEADY = 30.0
"""Seconds after which a connection was a good one, and attempts are counted anew."""
_FAREWELL = 3.0
"""Seconds in which receivers are told that a session has ended."""
MOST = 4
"""Receivers of one session."""

State = Literal["connecting", "sending", "waiting", "failed"]


@dataclass(eq=False)
class Push:
    """One receiver of one session, for as long as the session lasts, or until it is ended.

    state: `waiting` before a further attempt; `failed` when there will be none
    error: of the last attempt that failed; connections: that came about; dropped: pictures it was too slow for
    since: `time.time` of the state
    """

    session: LiveSession
    receiver: Receiver
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = "connecting"
    error: ServiceError | None = None
    connections: int = 0
    since: float = field(default_factory=time.time)
    _viewer: Viewer | None = None
    _dropped: int = 0

    @property
    def dropped(self) -> int:
        return self._dropped + (self._viewer.dropped if self._viewer else 0)

    def become(self, state: State, error: ServiceError | None = None) -> None:
        self.state, self.error, self.since = state, error, time.time()

    def begins(self, viewer: Viewer) -> None:
        """The session goes out to the receiver."""
        self._dropped, self._viewer = self.dropped, viewer
        self.connections += 1
        self.become("sending")


class Pushes:
    """servers, networks: see `webrtc.Peers`"""

    def __init__(self, servers: Sequence[str], networks: Sequence[Network] = ()) -> None:
        self._servers, self._networks = servers, networks
        self._pushes: dict[str, tuple[Push, asyncio.Task[None]]] = {}
        metrics.live_pushes.set_function(lambda: sum(p.state == "sending" for p, _ in self._pushes.values()))

    def of(self, session: LiveSession) -> list[Push]:
        return [push for push, _ in self._pushes.values() if push.session is session]

    def begin(self, session: LiveSession, receiver: Receiver) -> Push:
        """Send the session there from now on. Raises QueueFullError where it goes to MOST receivers."""
        if len(self.of(session)) >= MOST:
            raise QueueFullError("live_pushes_full", most=MOST)
        push = Push(session, receiver)
        self._pushes[push.id] = push, asyncio.create_task(self._run(push))
        return push

    async def end(self, push_id: str, session: LiveSession) -> None:
        """Send no longer. Raises NotFoundError."""
        push, task = self._pushes.get(push_id, (None, None))
        if push is None or task is None or push.session is not session:
            raise NotFoundError("live_push_not_found")
        task.cancel()
        await asyncio.wait({task})

    async def _run(self, push: Push) -> None:
        about = {"session": push.session.id, "owner": push.session.owner, "receiver": push.receiver.place}
        log.info("live session is sent on", extra=about)
        sending = asyncio.create_task(self._keep_sending(push))
        over = asyncio.create_task(push.session.ended.wait())
        began = time.monotonic()
        try:
            await asyncio.wait((sending, over), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                # A receiver that was given up is told of until the session ends.
                sending.result()
                await over
            await asyncio.wait({sending}, timeout=_FAREWELL)
        finally:
            for task in (sending, over):
                task.cancel()
            await asyncio.wait({sending})
            self._pushes.pop(push.id, None)
            seconds = round(time.monotonic() - began, 1)
            figures = {"seconds": seconds, "connections": push.connections, "dropped": push.dropped}
            log.info("live session is sent on no longer", extra={**about, **figures, "state": push.state})

    async def _keep_sending(self, push: Push) -> None:
        failures = 0
        while True:
            push.become("connecting", push.error)
            began = time.monotonic()
            error = await self._attempt(push)
            if error is None:
                return
            if push.state == "sending" and time.monotonic() - began > STEADY:
                failures = 0
            # Whoever took the session before may do so again.
            is_final = not error.transient and not (push.connections and isinstance(error, BadInputError))
            if is_final or failures == len(PAUSES):
                push.become("failed", error)
                log.warning("a receiver of a live session is given up: %s", error)
                return
            push.become("waiting", error)
            await asyncio.sleep(PAUSES[failures])
            failures += 1

    async def _attempt(self, push: Push) -> ServiceError | None:
        """Send until the session ends; what went wrong if that is sooner."""
        kind, result = push.receiver.kind, "lost"
        try:
            if kind == "rtmp":
                await rtmp.send(push.session, push.receiver, push.begins)
            else:
                await whip.send(push.session, push.receiver, self._servers, self._networks, push.begins)
            result = "ended"
            return None
        except asyncio.CancelledError:
            result = "ended"
            raise
        except RefusedError as error:
            result = "refused"
            return BadInputError("live_push_refused", reason=error.reason)
        except ServiceError as error:
            result = "refused"
            return error
        except asyncio.TimeoutError:
            return UnavailableError("live_push_slow", seconds=PATIENCE)
        except (OSError, EOFError, ValueError, httpx.HTTPError):
            return UnavailableError("live_push_lost")
        finally:
            metrics.live_push_ends.labels(kind, result).inc()
