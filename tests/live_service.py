"""A service in a process of its own, as operators run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.fork_server import Forked
from tests.forked_workers import is_worker
from tests.live import free_port

ROOT = Path(__file__).parents[1]


class Live:
    """Started by the constructor; `wait` returns when it takes jobs. Also a context manager.

    prefix: a command that runs the service
    own_workers: its workers are started by their command, and share no memory with others
    """

    def __init__(
        self, base: Path, *, port: int = 0, prefix: Sequence[str] = (), own_workers: bool = False, **settings: object
    ) -> None:
        self.base = base
        self.port = port or free_port()
        self.log = base / f"service-{self.port}.log"
        environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "BASE_PATH": str(base),
            "PORT": str(self.port),
            "ENGINE_MODULES": "tests.passthrough",
            "ENGINE": "passthrough",
            "ENCODER_PRESET": "ultrafast",
            "HELPERS": "0",
            "SHUTDOWN_GRACE": "0",
            **{name.upper(): str(value) for name, value in settings.items()},
        }
        if prefix:
            self.process: Forked | subprocess.Popen[bytes] = _command(prefix, environment, self.log)
        else:
            self.process = Forked(environment, self.log, forks_workers=not own_workers)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120)

    def __enter__(self) -> Live:
        return self.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self, seconds: float = 180) -> Live:
        deadline = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, self.words()
            assert time.monotonic() < deadline, self.words()
            try:
                if self.client.get("/ready").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.1)

    def words(self) -> str:
        """The end of its log, without the requests."""
        lines = self.log.read_text().splitlines()
        return "\n".join(line for line in lines if "uvicorn.access" not in line)[-4000:]

    def stop(self) -> int:
        """As an operator stops it; returns the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        self.client.close()
        return self.process.wait(60)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.client.close()

    def workers(self) -> list[int]:
        """The processes in which it decodes and draws."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        found = [int(pid) for path in children for pid in path.read_text().split()]
        return [pid for pid in found if is_worker(pid)]

    def submit(self, **fields: object) -> httpx.Response:
        body: dict[str, Any] = {"audio_path": "speech.wav", "video_path": "template.mkv", "mode": "async"} | fields
        headers = body.pop("headers", None)
        return self.client.post("/human/generate", json=body, headers=headers)

    def task(self, task_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/human/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    def until(self, task_id: str, *states: str, seconds: float = 180) -> dict[str, Any]:
        """The task once it is in one of the states."""
        deadline = time.monotonic() + seconds
        while (task := self.task(task_id))["state"] not in states:
            is_over = task["state"] in ("succeeded", "failed", "cancelled") or time.monotonic() > deadline
            assert not is_over, f"{task}\n{self.words()}"
            time.sleep(0.1)
        return task


def _command(prefix: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [*prefix, sys.executable, "-m", "digital_human.cli", "serve"]
    with log.open("a") as lines:
        return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=lines, stderr=lines)


def eventually(true: Callable[[], object], seconds: float = 120) -> None:
    """Return once it is true. The limit only ends a test that would hang; how soon it should be is for a benchmark."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def leftovers(base: Path) -> list[str]:
    """Temporary files and folders of jobs, wherever one could be."""
    found = [*base.rglob("*.part"), *base.rglob("*.signed")]
    jobs = base / ".state" / "jobs"
    return [str(path) for path in found + (list(jobs.iterdir()) if jobs.exists() else [])]
