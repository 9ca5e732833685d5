"""A client of live sessions: speech goes in as it is spoken, pictures with their sound come out.

    async with open_live("http://127.0.0.1:8308", video_path="template.mp4") as session:
        await session.push(pcm)
        await session.flush()
        async for item in session:
            ...

It needs the packages httpx and websockets. `docs/live.md` of the service has the protocol.
"""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

Video = Literal["h264", "i420", "none"]

_HEADER = struct.Struct("<BBHIQ")
_SOUND = 3
_KEY, _LAST = 1, 4
_CHUNK = 32_000
"""Bytes of speech in one message. Smaller ones let an interruption pass sooner."""


class LiveError(Exception):
    """The service refused. code: the HTTP status; error: the message's name"""

    def __init__(self, code: int, message: str, error: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.error = error


@dataclass(frozen=True)
class Media:
    """utterance: 0 while nobody speaks; is_last: of its utterance; timestamp: microseconds since the session began"""

    utterance: int
    is_last: bool
    timestamp: int


@dataclass(frozen=True)
class Picture(Media):
    """data: an H.264 access unit (Annex B), or I420 of width * height * 3 / 2 bytes"""

    data: bytes
    is_key: bool


@dataclass(frozen=True)
class Sound(Media):
    """pcm: s16le mono at the session's rate; it belongs to the picture with the same timestamp"""

    pcm: bytes


@dataclass(frozen=True)
class Event:
    """type: started, finished, idle or error; fields: as the protocol has them"""

    type: str
    fields: dict[str, Any]

    @property
    def utterance(self) -> int:
        return int(self.fields.get("utterance", 0))


Item = Picture | Sound | Event


class LiveSession:
    """One connection to a session. Methods may be called while another task iterates."""

    def __init__(self, socket: ClientConnection, view: dict[str, Any], ready: dict[str, Any]) -> None:
        self._socket = socket
        self.id: str = ready["session_id"]
        self.width: int = ready["width"]
        self.height: int = ready["height"]
        self.fps: float = ready["fps"]
        self.sample_rate: int = ready["sample_rate"]
        self.view = view

    async def push(self, pcm: bytes) -> None:
        """The next speech: s16le mono at `sample_rate`, any number of bytes."""
        for start in range(0, len(pcm), _CHUNK):
            await self._socket.send(pcm[start : start + _CHUNK])

    async def flush(self) -> None:
        """The utterance has ended."""
        await self._tell("flush")

    async def interrupt(self) -> None:
        """Stop speaking at once. Drop what you hold of the utterance too."""
        await self._tell("interrupt")

    async def close(self) -> None:
        """End the session."""
        with suppress(ConnectionClosed):
            await self._tell("close")

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Everything that comes, in order, until the session ends."""
        with suppress(ConnectionClosed):
            async for message in self._socket:
                yield _item(message)

    async def _tell(self, kind: str) -> None:
        await self._socket.send(json.dumps({"type": kind}))


@asynccontextmanager
async def open_live(
    url: str, api_key: str | None = None, *, video: Video = "h264", timeout: float = 600, **options: Any
) -> AsyncIterator[LiveSession]:
    """Begin a session, connect, and end it with the block.

    options: the fields of `POST /live/sessions`, such as video_path="template.mp4" or avatar="Lena"
    timeout: seconds that preparing a new template may take

    Raises LiveError where the service refuses, and httpx.TransportError where it cannot be reached.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout) as http:
        answer = await http.post("/live/sessions", json=options)
        body = answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
        if answer.is_error:
            raise LiveError(answer.status_code, body.get("message") or answer.reason_phrase, body.get("error"))
        view = body["data"]
        try:
            async with connect(f"{view['websocket']}&video={video}", max_size=None) as socket:
                ready = json.loads(await socket.recv())
                yield LiveSession(socket, view, ready)
        except WebSocketException as error:
            raise LiveError(502, f"the connection to the session failed: {error}") from error
        finally:
            with suppress(httpx.TransportError):
                await http.delete(f"/live/sessions/{view['session_id']}")


def _item(message: str | bytes) -> Item:
    if isinstance(message, str):
        fields = json.loads(message)
        return Event(fields.pop("type"), fields)
    kind, flags, _, utterance, timestamp = _HEADER.unpack_from(message)
    payload, is_last = message[_HEADER.size :], bool(flags & _LAST)
    if kind == _SOUND:
        return Sound(utterance, is_last, timestamp, payload)
    return Picture(utterance, is_last, timestamp, payload, bool(flags & _KEY))
