"""One start of the server: the guard process with the server below it, the server's folder, and its log."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections import deque
from pathlib import Path

from digital_human.triton.embedded import guard, server_log

logger = logging.getLogger("triton")

GUARD_TIMEOUT = 20.0
"""Seconds that the guard may take to end the server."""


class Child:
    """A server from its start to its end.

    process: the guard
    folder: of this server alone; the guard removes it
    shm_prefix: of its shared memory, which the guard removes too
    errors: gets the text of each error in its log
    wake: set at the end of its log
    """

    def __init__(
        self,
        process: subprocess.Popen[str],
        folder: Path,
        shm_prefix: str,
        errors: deque[str],
        wake: threading.Event,
    ) -> None:
        self.process = process
        self.folder = folder
        self.shm_prefix = shm_prefix
        self.pid: int | None = None
        self._errors = errors
        self._wake = wake
        self._reader = threading.Thread(target=self._log, name="triton-log", daemon=True)
        self._reader.start()

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """Let the guard end the server, and wait until both are gone."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(GUARD_TIMEOUT)
        except subprocess.TimeoutExpired:
            # Then the kernel kills the server.
            self.process.kill()
            self.process.wait()
        if self.process.returncode < 0:
            # A killed guard could not clean up.
            guard.clean_up(self.pid, self.folder, self.shm_prefix)
        self._reader.join()
        self.process.stdout.close()

    def _log(self) -> None:
        assert self.process.stdout is not None
        for line in map(str.rstrip, self.process.stdout):
            if line.startswith("guard: server pid "):
                self.pid = int(line.split()[-1])
                continue
            level, text = server_log.parse(line)
            if level >= logging.ERROR:
                self._errors.append(text)
            if text:
                logger.log(level, "%s", text)
        self._wake.set()
