"""The messages of a live session, and the header of its media, which the service passes on as it is.

    service -> worker     Configure, OpenSession, then Watch, Flush, Interrupt and speech as it comes
    worker -> service     Preparing ... Opened, or Failed; then Event, Stats and media

Both ends are always of one version, so messages may change. The media header is public, see `docs/live.md`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from digital_human.errors import ServiceError
from digital_human.jobs.worker.protocol import Configure, Failed, Message

Idle = Literal["loop", "still"]

H264, I420, SOUND = 1, 2, 3
"""Kinds of media."""
KEY, SPEAKS, LAST = 1, 2, 4
"""Flags: a key frame; a part of an utterance; its last one."""
HEADER = struct.Struct("<BBHIQ")
"""Kind, flags, 0, utterance, timestamp in microseconds."""


def media(kind: int, flags: int, utterance: int, timestamp: int, payload: bytes) -> bytes:
    """One message of media."""
    return HEADER.pack(kind, flags, 0, utterance, timestamp) + payload


@dataclass(frozen=True)
class OpenSession(Message):
    """Prepare the template and begin. label: AIGC label for the stream, ASCII; trace: of the caller's request"""

    session_id: str
    video: Path
    engine: str
    sample_rate: int
    idle: Idle
    mouth_strength: float
    visible_mark: bool
    label: str
    trace: Mapping[str, str]


@dataclass(frozen=True)
class Watch(Message):
    """What somebody watches or hears now. key: the next picture is to be a key frame"""

    h264: bool
    i420: bool
    sound: bool
    key: bool = False


@dataclass(frozen=True)
class Flush(Message):
    """The utterance has ended: what was sent of it is all."""


@dataclass(frozen=True)
class Interrupt(Message):
    """Stop speaking, and forget what is left."""


@dataclass(frozen=True)
class Play(Message):
    """Say a recording: an utterance of its own. The file is removed."""

    path: Path


@dataclass(frozen=True)
class Preparing(Message):
    """share: of the template's preparation, 0-1"""

    share: float


@dataclass(frozen=True)
class Opened(Message):
    """fps: a fraction as text"""

    width: int
    height: int
    fps: str
    template_cached: bool


@dataclass(frozen=True)
class Event(Message):
    """For clients, as JSON. type: started, finished, idle or error; the other fields as `docs/live.md` has them"""

    type: str
    utterance: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        numbered = {"utterance": self.utterance} if self.utterance else {}
        return json.dumps({"type": self.type, **numbered, **self.fields})


def error_event(error: ServiceError) -> Event:
    """An error as clients of a session are told it."""
    fields = {"error": error.name, "code": error.status, "message": str(error), "transient": error.transient}
    return Event("error", fields=fields)


@dataclass(frozen=True)
class Stats(Message):
    """What happened since the last one.

    first_picture: seconds from an utterance's first sound to its first picture, of each that began
    interrupted:   seconds from an interruption to the picture with the lips shut again
    late, dropped: pictures that went out more than half a frame after their time, and those left out
    held:          seconds in which the picture stood still, as it could not be drawn
    behind:        seconds by which the last picture and its sound went out after their time
    looked:        of each picture that was looked at, the kind of its fault, empty if it has none
    """

    pictures: int
    late: int
    dropped: int
    held: float
    behind: float
    first_picture: tuple[float, ...] = ()
    interrupted: tuple[float, ...] = ()
    looked: tuple[str, ...] = ()


_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (Configure, OpenSession, Watch, Flush, Interrupt, Play, Preparing, Opened, Event, Stats, Failed)
}


def encode(message: Message) -> bytes:
    name = type(message).__name__
    return json.dumps({"type_": name, **_ADAPTERS[name].dump_python(message, mode="json")}).encode()


def decode(data: bytes) -> Message:
    """Raises ValueError for anything but a whole message."""
    fields = json.loads(data)
    message: Message = _ADAPTERS[fields.pop("type_")].validate_python(fields)
    return message
