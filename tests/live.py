"""Real processes for tests: the service as `digital-human serve` runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
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
    environment = {"BASE_PATH": str(base), "PORT": str(port), "ENCODER_PRESET": "ultrafast", **settings}
    url = f"http://127.0.0.1:{port}"
    with process([sys.executable, "-m", "digital_human.cli", "serve"], log, environment) as child:
        wait_for(f"{url}/ready", child, log)
        yield url
