"""A receiver of RTMP that takes the stream or refuses it, and reads on or does not."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from digital_human.net.amf0 import decode, encode

COMMAND = 20


@contextmanager
def receiver(code: str = "NetStream.Publish.Start") -> Iterator[int]:
    """Listens, answers `publish` with this code, and reads nothing more; yields its port."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), [0]

    async def serve() -> None:
        server = await asyncio.start_server(lambda r, w: _talk(r, w, code), "127.0.0.1", 0, limit=4096)
        port[0] = server.sockets[0].getsockname()[1]
        ready.set()

    def run() -> None:
        loop.create_task(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, code: str) -> None:
    hello = await reader.readexactly(1537)
    writer.write(b"\x03" + bytes(1536) + hello[1:])
    await reader.readexactly(1536)
    while True:
        name, number = await _command(reader)
        if name == "connect":
            _tell(writer, "_result", number, None, {"code": "NetConnection.Connect.Success"})
        elif name == "createStream":
            _tell(writer, "_result", number, None, 1)
        elif name == "publish":
            about = {"level": "status", "code": code, "description": "top-secret is in use"}
            _tell(writer, "onStatus", 0, None, about)
            writer.transport.pause_reading()  # type: ignore[attr-defined, unused-ignore]
            await asyncio.sleep(600)


def _tell(writer: asyncio.StreamWriter, *values: object) -> None:
    body = encode(*values)  # type: ignore[arg-type]
    head = struct.pack(">I", len(body))[1:] + bytes([COMMAND])
    chunks = [body[at : at + 128] for at in range(0, len(body), 128)]
    writer.write(b"\x03" + bytes(3) + head + bytes(4) + b"\xc3".join(chunks))


async def _command(reader: asyncio.StreamReader) -> tuple[object, float]:
    """The next command, of a sender whose chunks are larger than its commands."""
    while True:
        (first,) = await reader.readexactly(1)
        head = await reader.readexactly((11, 7, 3, 0)[first >> 6])
        body = await reader.readexactly(int.from_bytes(head[3:6], "big"))
        if head[6] == COMMAND:
            name, number, *_ = decode(body)
            assert isinstance(number, float)
            return name, number
