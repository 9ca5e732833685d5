"""Connections on which no request arrives are closed: each holds a file descriptor, of which a process has few."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_ANSWER = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def impatient_protocol(seconds: float) -> type[asyncio.Protocol]:
    """uvicorn's protocol, with at most `seconds` from a connection, or a request's first byte, to its last header."""

    class ImpatientProtocol(AutoHTTPProtocol):  # type: ignore[valid-type, misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._waiting: asyncio.TimerHandle | None = self.loop.call_later(seconds, self._give_up)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            # A cycle is one request whose headers are complete.
            is_complete = self.cycle is not None and not self.cycle.response_complete
            if is_complete and self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None
            elif not is_complete and self._waiting is None:
                self._waiting = self.loop.call_later(seconds, self._give_up)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
            super().connection_lost(exc)

        def _give_up(self) -> None:
            self._waiting = None
            if self.cycle is not None and not self.cycle.response_complete:
                return
            # A WebSocket is handed to a separate protocol.
            if self.transport.get_protocol() is self and not self.transport.is_closing():
                self.transport.write(_ANSWER)
                self.transport.close()

    return ImpatientProtocol
