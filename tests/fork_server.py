"""Starts services and commands in a fraction of the time: a process that has imported everything forks for each.

Importing the web framework and the queue's library costs a processor two seconds and more, and there are dozens of
services in one run. What a fork runs is `digital-human` with its own words, environment and log. Services that
are started by their command, as people do it, are in `tests.live` and `tests/deploy`. Workers are forked as well, see
`tests.forked_workers`.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tests import forked_workers

ROOT = Path(__file__).resolve().parents[1]
PRELOADED = ("digital_human.cli", "digital_human.commands.serve", "digital_human.observability.tracing")


class Forked:
    """A child of the fork server, with what `subprocess.Popen` has for its own children.

    log: file to which both of its outputs are appended
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        words: Sequence[str] = ("serve",),
        forks_workers: bool = True,
    ) -> None:
        self.returncode: int | None = None
        self.pid, self._status = _server().fork(environment, log, words, forks_workers)

    def poll(self) -> int | None:
        if self.returncode is None and self._status.exists():
            self.returncode = int(self._status.read_text())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("serve", timeout or 0.0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Server:
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="digital-human-forks-")
        self._count = 0
        self._socket, other = socket.socketpair()
        command = [sys.executable, "-m", "tests.fork_server", str(other.fileno())]
        path = os.pathsep.join(path for path in sys.path if path)
        # It ends with the socket, so nobody waits for it.
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, pass_fds=[other.fileno()]
        )
        other.close()
        self._answers = self._socket.makefile("r")

    def fork(
        self, environment: Mapping[str, str], log: Path, words: Sequence[str], forks_workers: bool
    ) -> tuple[int, Path]:
        """The process id of the child, and the file that will hold its exit status."""
        self._count += 1
        status = Path(self._folder.name) / str(self._count)
        order: dict[str, Any] = {"environment": dict(environment), "words": list(words)}
        order |= {"log": str(log), "status": str(status), "forks_workers": forks_workers}
        self._socket.sendall(json.dumps(order).encode() + b"\n")
        return int(self._answers.readline()), status


def digital_human(words: Sequence[str | Path], log: Path, **settings: object) -> tuple[int, str]:
    """Run a command to its end. Returns its exit status and what it said.

    log: a file that does not exist; settings: environment variables beside those of the tests
    """
    given = {name.upper(): str(value) for name, value in settings.items()}
    status = Forked({**os.environ, **given}, log, [str(word) for word in words]).wait(600)
    said = log.read_text()
    log.unlink()
    return status, said


@cache
def _server() -> _Server:
    return _Server()


def _serve(orders: socket.socket) -> None:
    """Fork for every line that comes, until there are no more."""
    for name in (*PRELOADED, *forked_workers.PRELOADED):
        import_module(name)
    wake_up, signalled = socket.socketpair()
    signalled.setblocking(False)
    signal.set_wakeup_fd(signalled.fileno())
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    statuses: dict[int, Path] = {}
    lines = orders.makefile("r")
    with selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        selector.register(wake_up, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is wake_up:
                    wake_up.recv(1024)
                    _reap(statuses)
                elif line := lines.readline():
                    order = json.loads(line)
                    if (pid := os.fork()) == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for unneeded in (orders, wake_up, signalled):
                            unneeded.close()
                        sys.exit(_become(order))
                    statuses[pid] = Path(order["status"])
                    orders.sendall(b"%d\n" % pid)
                else:
                    return


def _reap(statuses: dict[int, Path]) -> None:
    while statuses:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        path = statuses.pop(pid)
        with suppress(FileNotFoundError):  # nobody waits any more
            part = path.with_suffix(".part")
            part.write_text(str(os.waitstatus_to_exitcode(status)))
            part.rename(path)


def _become(order: Mapping[str, Any]) -> int:
    """Be the command from here on. Returns its exit status."""
    from digital_human.cli import main

    log = os.open(str(order["log"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(order["environment"])
    if order["forks_workers"]:
        forked_workers.fork_workers()
    sys.argv = ["digital-human", *order["words"]]
    return main(order["words"])


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
