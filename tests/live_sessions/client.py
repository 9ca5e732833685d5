"""A client of live sessions for tests: sends speech, and collects what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import av
import httpx
import numpy as np
from websockets.sync.client import ClientConnection, connect

from digital_human.live.messages import H264, HEADER, SOUND, SPEAKS

PATIENCE = 120.0


@dataclass(frozen=True)
class Media:
    kind: int
    flags: int
    utterance: int
    timestamp: int
    payload: bytes


@dataclass
class Client:
    """One connection. events and media hold everything that came, in order."""

    socket: ClientConnection
    session: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)

    def say(self, pcm: bytes, chunk: int = 1280) -> None:
        for start in range(0, len(pcm), chunk):
            self.socket.send(pcm[start : start + chunk])

    def tell(self, kind: str) -> None:
        self.socket.send(json.dumps({"type": kind}))

    def receive(self) -> dict[str, Any] | Media:
        message = self.socket.recv(PATIENCE)
        if isinstance(message, str):
            self.events.append(json.loads(message))
            return self.events[-1]
        kind, flags, _, utterance, timestamp = HEADER.unpack_from(message)
        self.media.append(Media(kind, flags, utterance, timestamp, message[HEADER.size :]))
        return self.media[-1]

    def until(self, event: str, **fields: object) -> dict[str, Any]:
        """Receive until this event comes."""
        while True:
            item = self.receive()
            if isinstance(item, dict) and item["type"] == event and fields.items() <= item.items():
                return item

    def until_media(self, kind: int) -> Media:
        while True:
            item = self.receive()
            if isinstance(item, Media) and item.kind == kind:
                return item

    def sound_of(self, utterance: int) -> bytes:
        return b"".join(m.payload for m in self.media if m.kind == SOUND and m.utterance == utterance)

    def pictures(self) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
        """All pictures, I420. Fails where the stream cannot be decoded."""
        decoder = av.CodecContext.create("h264", "r")
        units = [m for m in self.media if m.kind == H264]
        frames = [f for unit in units for f in decoder.decode(av.Packet(unit.payload))]
        frames += decoder.decode(None)
        assert len(frames) == len(units)
        return [np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8) for frame in frames]

    def speaking(self) -> list[bool]:
        """Whether each picture belongs to an utterance."""
        return [bool(m.flags & SPEAKS) for m in self.media if m.kind == H264]


@contextmanager
def session(http: httpx.Client, video: str = "h264", **fields: object) -> Iterator[Client]:
    """A session that ends with the block, and a connection to it."""
    answer = http.post("/live/sessions", json={"video_path": "template.mkv", **fields})
    assert answer.status_code == 201, answer.text
    data = answer.json()["data"]
    try:
        with connection(data, video) as client:
            yield client
    finally:
        http.delete(f"/live/sessions/{data['session_id']}")


@contextmanager
def connection(data: dict[str, Any], video: str = "h264") -> Iterator[Client]:
    with connect(f"{data['websocket']}&video={video}", max_size=None) as socket:
        client = Client(socket, data)
        assert isinstance(client.receive(), dict)
        yield client


def tone(seconds: float, rate: int) -> bytes:
    """A voice-like sound, s16le."""
    t = np.arange(int(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * 140 * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t))
    return bytes((wave * 12000).astype("<i2").tobytes())
