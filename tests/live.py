"""Real processes for tests: the service as `digital-human serve` runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import httpx

from tests.fork_server import Forked

ROOT = Path(__file__).resolve().parents[1]
Child: TypeAlias = "subprocess.Popen[bytes] | Forked"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: Child, log: Path, seconds: float = 120) -> None:
    """Until `url` answers with success; fails with the end of the log when the process ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-4000:]
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} did not answer within {seconds:g} s:\n{log.read_text()[-4000:]}")


@contextmanager
def process(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is asked to end when the block ends."""
    with log.open("wb") as lines:
        child = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines
        )
    try:
        yield child
    finally:
        stop(child)


def stop(child: Child) -> None:
    """Ask a process to end, and end it when it does not."""
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextmanager
def service(base: Path, **settings: str) -> Iterator[str]:
    """The service on a free port, ready for jobs; yields its address. Its log is `service.log` in `base`."""
    port, log = free_port(), base / "service.log"
    # Some live as long as the whole run: they look for jobs less often than others.
    usual = {"BASE_PATH": str(base), "PORT": str(port), "ENCODER_PRESET": "ultrafast", "QUEUE_POLL_SECONDS": "0.3"}
    environment = {**os.environ, **usual, **settings}
    url = f"http://127.0.0.1:{port}"
    child = Forked(environment, log)
    try:
        wait_for(f"{url}/ready", child, log)
        yield url
    finally:
        stop(child)
