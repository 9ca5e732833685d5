"""A web server that never gets to the end of its answer."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
PAUSE = 0.05


class SlowHost(socketserver.ThreadingTCPServer):
    """Drips its answer byte by byte for as long as the caller listens: all of it, or below /body what follows the head.

    reached: the request has come; left: the caller has closed the connection
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.reached, self.left = threading.Event(), threading.Event()
        self._ended = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def forget(self) -> None:
        self.reached.clear()
        self.left.clear()


class _Handler(socketserver.StreamRequestHandler):
    server: SlowHost

    def handle(self) -> None:
        line = self.rfile.readline()
        self.server.reached.set()
        try:
            if b"/body" in line:
                self.wfile.write(HEAD)
            for byte in b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 100_000:
                if self.server._ended.wait(PAUSE):
                    return
                self.wfile.write(bytes([byte]))
        except OSError:
            self.server.left.set()


@contextmanager
def slow_host() -> Iterator[SlowHost]:
    with SlowHost() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server._ended.set()
            server.shutdown()
