"""A socket that carries messages and media, each with its length before it."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading

from digital_human.jobs.worker.protocol import Message
from digital_human.live.messages import decode, encode

_PREFIX = struct.Struct("<IB")
_MESSAGE, _BYTES = 0, 1


def framed(item: Message | bytes) -> bytes:
    """One item as it goes over the socket. Bytes are speech one way and media the other."""
    kind, payload = (_BYTES, item) if isinstance(item, bytes) else (_MESSAGE, encode(item))
    return _PREFIX.pack(len(payload), kind) + payload


async def read_item(reader: asyncio.StreamReader) -> Message | bytes | None:
    """The next item; None at the end."""
    try:
        length, kind = _PREFIX.unpack(await reader.readexactly(_PREFIX.size))
        payload = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return payload if kind == _BYTES else decode(payload)


class Channel:
    """The worker's end, for its threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self._lock = threading.Lock()

    def send(self, *items: Message | bytes) -> None:
        """Send items one after another, with none of another thread between them."""
        data = b"".join(map(framed, items))
        with self._lock:
            self._connection.sendall(data)

    def receive(self) -> Message | bytes | None:
        """The next item; None at the end."""
        prefix = self._file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size:
            return None
        length, kind = _PREFIX.unpack(prefix)
        payload = self._file.read(length)
        if len(payload) < length:
            return None
        return payload if kind == _BYTES else decode(payload)
