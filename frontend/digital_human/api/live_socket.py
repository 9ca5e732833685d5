"""WS /live/sessions/{id}: speech and commands in; pictures, sound and events out. `docs/live.md` has the protocol."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from digital_human.api.auth import Keys, key_of
from digital_human.api.errors import error_answer
from digital_human.api.origins import is_foreign
from digital_human.errors import BadInputError, ForbiddenError, ServiceError, UnauthorizedError
from digital_human.live.messages import Event, error_event
from digital_human.live.session import LiveSession
from digital_human.live.viewers import Video, Viewer
from digital_human.service import Service

router = APIRouter()

_VIDEOS: tuple[Video, ...] = ("h264", "i420", "none", "events")
_ENDED = 1000
_LONGEST_COMMAND = 1000


@router.websocket("/live/sessions/{session_id}")
async def speak(socket: WebSocket, session_id: str) -> None:
    """One client of a session. Everything it sends reaches the session in its order."""
    service: Service = socket.app.state.service
    try:
        session = _session_for(socket, session_id, service)
        video = _video(socket.query_params.get("video", "h264"))
        viewer = session.attach(video)
    except ServiceError as error:
        await socket.send_denial_response(error_answer(error, socket.scope))
        return
    try:
        await socket.accept()
        viewer.offer(_ready(session, video))
        sending = asyncio.create_task(_send(socket, viewer))
        receiving = asyncio.create_task(_receive(socket, session, viewer))
        await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
        for task in (sending, receiving):
            task.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError, OSError):
                await task
    finally:
        session.detach(viewer)
    with suppress(RuntimeError, OSError):
        await socket.close(_ENDED)


def _session_for(socket: WebSocket, session_id: str, service: Service) -> LiveSession:
    """The session, if the token or the key allows it. Raises the ServiceError that says why not."""
    if is_foreign(socket.headers, service.settings.allowed_origins):
        raise ForbiddenError("origin_not_allowed")
    token = socket.query_params.get("token")
    if token is not None:
        session = service.live.find(session_id, None)
        if not service.live.tokens.is_valid(token, session_id):
            raise UnauthorizedError("live_token_invalid", id=session_id)
        return session
    keys: Keys = socket.app.state.keys
    return service.live.find(session_id, keys.caller(key_of(socket.headers)).sees)


def _video(wanted: str) -> Video:
    for video in _VIDEOS:
        if video == wanted:
            return video
    raise BadInputError("field_invalid", field="video", reason=" | ".join(_VIDEOS))


def _ready(session: LiveSession, video: Video) -> Event:
    width, height = session.size
    fields = {
        "session_id": session.id,
        "width": width,
        "height": height,
        "fps": round(float(session.fps), 3),
        "sample_rate": session.options.sample_rate,
        "video": video,
        "aigc": json.loads(session.options.label) if session.options.label else None,
    }
    return Event("ready", fields=fields)


async def _send(socket: WebSocket, viewer: Viewer) -> None:
    while (item := await viewer.next()) is not None:
        if isinstance(item, bytes):
            await socket.send_bytes(item)
        else:
            await socket.send_text(item.to_json())


async def _receive(socket: WebSocket, session: LiveSession, viewer: Viewer) -> None:
    rest = b""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if (data := message.get("bytes")) is not None:
            # A chunk may end within a sample.
            pcm = rest + data
            whole = len(pcm) - len(pcm) % 2
            rest = pcm[whole:]
            if whole:
                try:
                    session.push(pcm[:whole])
                except ServiceError as error:
                    viewer.offer(error_event(error))
            continue
        match _command(message.get("text")):
            case "flush":
                rest = b""
                session.flush()
            case "interrupt":
                rest = b""
                session.interrupt()
            case "close":
                session.stop()
                return
            case _:
                viewer.offer(error_event(BadInputError("live_message_unknown")))


def _command(text: Any) -> object:
    if len(text or "") > _LONGEST_COMMAND:
        return None
    try:
        fields = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return fields.get("type") if isinstance(fields, dict) else None
