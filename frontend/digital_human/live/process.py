"""The service's side of one live session's process."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import Executor

from digital_human.jobs.worker.process import ALLOCATOR, NOT_FOR_WORKERS
from digital_human.jobs.worker.protocol import Configure, Message
from digital_human.live.channel import framed, read_item
from digital_human.settings import Settings

MOST_UNSENT = 64 * 2**20
"""Bytes that may wait for the process: half an hour of speech at 16 kHz. Beyond that it hangs."""


class LiveProcess:
    """One process, from `start` until `stop`. Its socket belongs to the event loop that started it."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process, self._reader, self._writer = process, reader, writer

    @classmethod
    async def start(cls, settings: Settings, triton_url: str, spawner: Executor) -> LiveProcess:
        """spawner: one thread that stays, as the kernel ends a process with the thread that started it"""
        ours, theirs = socket.socketpair()
        given = {name: value for name, value in os.environ.items() if name.lower() not in NOT_FOR_WORKERS}
        environment = ALLOCATOR | given
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-m", "digital_human.live.worker.main", str(theirs.fileno())]
        try:
            process = await asyncio.wrap_future(
                spawner.submit(
                    subprocess.Popen, command, stdin=subprocess.DEVNULL, env=environment, pass_fds=[theirs.fileno()]
                )
            )
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        live = cls(process, reader, writer)
        live.send(Configure(settings.model_dump(mode="json") | NOT_FOR_WORKERS, triton_url))
        return live

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, item: Message | bytes) -> None:
        """Send a message, or speech. Raises BlockingIOError if the process has not read for long."""
        if self._writer.transport.get_write_buffer_size() > MOST_UNSENT:
            raise BlockingIOError("the process of a live session does not read")
        self._writer.write(framed(item))

    async def receive(self) -> Message | bytes | None:
        """The next message, or media; None after the process has ended."""
        return await read_item(self._reader)

    def stop(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Stop, and close the socket. To be called in the event loop."""
        self.stop()
        self._writer.close()
