"""The service as its callers see it: started as a process, asked over REST."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.measure import tree
from benchmarks.media_fixture import ROOT


@dataclass(frozen=True)
class Service:
    """ready_seconds: from its start until it takes jobs."""

    client: httpx.Client
    pid: int
    ready_seconds: float

    def triton(self) -> set[int]:
        """Processes of the embedded Triton, its guard included."""
        found = set()
        for pid in tree(self.pid):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.endswith(b"triton/embedded/guard.py") for word in words):
                found |= tree(pid)
        return found

    def frontend(self) -> set[int]:
        """All other processes of the service."""
        return tree(self.pid) - self.triton()

    def processes(self) -> set[int]:
        return tree(self.pid)

    def generate(self, audio: Path, video: Path, save: Path, engine: str = "default") -> float:
        """Seconds until the answer. Raises httpx.HTTPStatusError where it is not 200."""
        body = {"audio_path": str(audio), "video_path": str(video), "save_path": str(save), "engine": engine}
        started = time.perf_counter()
        self.client.post("/human/generate", json=body).raise_for_status()
        return time.perf_counter() - started


@contextmanager
def serving(folder: Path, max_jobs: int = 1) -> Iterator[Service]:
    """A service with `folder` as its data, nothing cached in it; its log is service.log there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "BASE_PATH": str(folder), "PORT": str(port), "MAX_JOBS": str(max_jobs)}
    started = time.perf_counter()
    with (folder / "service.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "digital_human.cli", "serve"], env=environment, stdout=log, stderr=log, cwd=ROOT
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=7200) as client:
            _wait_until_it_takes_jobs(client, process)
            yield Service(client, process.pid, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_takes_jobs(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with status {process.returncode}")
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
