"""Publishes a stream over RTMP: the handshake, the commands, and messages in chunks (Adobe, RTMP 1.0).

FFmpeg's own client resolves names itself, blocks, and takes any certificate. This one connects to the address that was
checked, and waits as a coroutine.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from digital_human.net.amf0 import Value, decode, encode

AUDIO, VIDEO, METADATA = 8, 9, 18
"""Types of messages that carry a stream."""
_CHUNK_SIZE, _CONTROL, _COMMAND = 1, 4, 20
_PING, _PONG = 6, 7
_STARTED = "NetStream.Publish.Start"
_CHUNK = 4096
_HELLO = 1536
_LONGEST = 1 << 20
"""Bytes of a message that is read: what a receiver has to say is short."""
_CHANNELS = 64
"""Channels on which a receiver may have a message under way."""
_UNSENT = 64 * 1024
"""Bytes that wait in this process before a sender is held up."""
_FAREWELL = 1.0
"""Seconds in which a receiver is told that the stream is over, and then those in which the connection closes."""
_CODE = re.compile(r"[A-Za-z.]{1,80}")


class RefusedError(Exception):
    """The receiver does not take the stream. reason: its code, such as NetStream.Publish.BadName"""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Target:
    """Where a stream goes.

    address:  to connect to; host: the receiver's name, which its certificate must have
    app, key: the receiver's application, and the stream's name in it, a secret
    url:      of the application, as the receiver is told
    """

    address: str
    port: int
    host: str
    app: str
    key: str = field(repr=False)
    url: str
    tls: ssl.SSLContext | None = None


@asynccontextmanager
async def published(target: Target) -> AsyncIterator[Publisher]:
    """A stream that the receiver has agreed to take.

    Raises RefusedError, OSError, ValueError for a receiver that speaks no RTMP, and EOFError where it hangs up.
    """
    reader, writer = await asyncio.open_connection(
        target.address, target.port, ssl=target.tls, server_hostname=target.host if target.tls else None
    )
    writer.transport.set_write_buffer_limits(_UNSENT)
    # A receiver that is too slow is to be told apart from one that is far away: seconds in a buffer help neither.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _UNSENT)
    publisher = Publisher(reader, writer)
    try:
        await publisher.begin(target)
        try:
            yield publisher
        finally:
            with suppress(OSError, asyncio.TimeoutError):
                await asyncio.wait_for(publisher.end(target.key), _FAREWELL)
    finally:
        writer.close()
        with suppress(OSError, asyncio.TimeoutError, ssl.SSLError):
            await asyncio.wait_for(writer.wait_closed(), _FAREWELL)


class Publisher:
    """One connection. `listen` has to run beside `send`, as receivers ask whether anybody is there."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._incoming, self._incoming_chunk = dict[int, _Incoming](), 128
        self._stream = 0

    async def begin(self, target: Target) -> None:
        await self._shake_hands()
        self._put(2, _CHUNK_SIZE, 0, 0, struct.pack(">I", _CHUNK))
        about = {"app": target.app, "type": "nonprivate", "flashVer": "FMLE/3.0 (compatible)", "tcUrl": target.url}
        self._command("connect", 1, about)
        await self._result(1)
        self._command("releaseStream", 2, None, target.key)
        self._command("FCPublish", 3, None, target.key)
        self._command("createStream", 4, None)
        answer = await self._result(4)
        self._stream = int(answer) if isinstance(answer, float) else 1
        self._command("publish", 5, None, target.key, "live", stream=self._stream)
        while True:
            name, values = await self._heard()
            if name == "onStatus" and _code(values) == _STARTED:
                return
            if name == "onStatus" or (name == "_error" and values[:1] == [5.0]):
                raise RefusedError(_code(values))

    async def send(self, kind: int, timestamp: int, body: bytes) -> None:
        """Send a message of the stream; returns when little is left unsent. timestamp: milliseconds"""
        self._put({AUDIO: 4, VIDEO: 6}.get(kind, 5), kind, self._stream, timestamp, body)
        await self._writer.drain()

    async def listen(self) -> None:
        """Answer what the receiver asks, until it hangs up. Raises RefusedError where it ends the stream."""
        while True:
            name, values = await self._heard()
            if name == "onStatus" and _status(values, "level") == "error":
                raise RefusedError(_code(values))

    async def end(self, key: str) -> None:
        """Say that the stream is over."""
        self._command("FCUnpublish", 6, None, key)
        self._command("deleteStream", 7, None, self._stream)
        await self._writer.drain()

    async def _shake_hands(self) -> None:
        self._writer.write(b"\x03" + bytes(8) + os.urandom(_HELLO - 8))
        answer = await self._reader.readexactly(1 + _HELLO)
        if answer[0] != 3:
            raise ValueError("no RTMP")
        self._writer.write(answer[1:])
        await self._reader.readexactly(_HELLO)

    def _command(self, name: str, transaction: int, *values: Value, stream: int = 0) -> None:
        self._put(3, _COMMAND, stream, 0, encode(name, transaction, *values))

    def _put(self, channel: int, kind: int, stream: int, timestamp: int, body: bytes) -> None:
        timestamp &= 0xFFFFFFFF
        is_long = timestamp >= 0xFFFFFF
        extended = struct.pack(">I", timestamp) if is_long else b""
        head = struct.pack(">I", min(timestamp, 0xFFFFFF))[1:] + struct.pack(">I", len(body))[1:] + bytes([kind])
        pieces = [bytes([channel]), head, struct.pack("<I", stream), extended, body[:_CHUNK]]
        for start in range(_CHUNK, len(body), _CHUNK):
            pieces += [bytes([0xC0 | channel]), extended, body[start : start + _CHUNK]]
        self._writer.write(b"".join(pieces))

    async def _result(self, transaction: int) -> Value:
        """The result of a call. Raises RefusedError."""
        while True:
            name, values = await self._heard()
            if values[:1] == [float(transaction)]:
                if name == "_error":
                    raise RefusedError(_code(values))
                if name == "_result":
                    return values[-1]

    async def _heard(self) -> tuple[str, list[Value]]:
        """The receiver's next command and what follows its name."""
        while True:
            kind, body = await self._message()
            if kind == _CHUNK_SIZE and len(body) >= 4:
                self._incoming_chunk = max(struct.unpack_from(">I", body)[0] & 0x7FFFFFFF, 1)
            elif kind == _CONTROL and len(body) >= 6 and struct.unpack_from(">H", body)[0] == _PING:
                self._put(2, _CONTROL, 0, 0, struct.pack(">H", _PONG) + body[2:6])
            elif kind == _COMMAND:
                name, *values = decode(body) or [None]
                if isinstance(name, str):
                    return name, values

    async def _message(self) -> tuple[int, bytes]:
        """The next whole message: its type and body."""
        while True:
            first = await self._byte()
            layout, channel = first >> 6, first & 0x3F
            if channel == 0:
                channel = 64 + await self._byte()
            elif channel == 1:
                channel = 64 + await self._byte() + 256 * await self._byte()
            head = await self._reader.readexactly((11, 7, 3, 0)[layout])
            if channel not in self._incoming:
                if layout > 1:
                    raise ValueError("a chunk without a beginning")
                if len(self._incoming) == _CHANNELS:
                    raise ValueError("too many channels")
            incoming = self._incoming.setdefault(channel, _Incoming())
            if len(head) >= 3:
                incoming.is_long = head[:3] == b"\xff\xff\xff"
            if len(head) >= 7:
                incoming.length, incoming.kind = int.from_bytes(head[3:6], "big"), head[6]
            if incoming.is_long:
                await self._reader.readexactly(4)
            if incoming.length > _LONGEST:
                raise ValueError("a message that is too long")
            left = incoming.length - len(incoming.body)
            incoming.body += await self._reader.readexactly(min(left, self._incoming_chunk))
            if len(incoming.body) == incoming.length:
                body, incoming.body = bytes(incoming.body), bytearray()
                return incoming.kind, body

    async def _byte(self) -> int:
        return (await self._reader.readexactly(1))[0]


@dataclass
class _Incoming:
    """A message that comes in chunks. is_long: its chunks have a timestamp of four bytes more"""

    kind: int = 0
    length: int = 0
    is_long: bool = False
    body: bytearray = field(default_factory=bytearray)


def _status(values: list[Value], name: str) -> str:
    about = values[-1] if values else None
    found = about.get(name) if isinstance(about, dict) else None
    return found if isinstance(found, str) else ""


def _code(values: list[Value]) -> str:
    """What a receiver says of a call. Its description is left out, for it may repeat the stream's key."""
    found = _CODE.fullmatch(_status(values, "code"))
    return found[0] if found else "error"
