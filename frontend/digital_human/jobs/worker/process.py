"""The service's side of one worker process: start it, give it commands, end it when it crashes or hangs."""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from signal import SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP
from typing import Any, cast

from digital_human.core.states import OnProgress
from digital_human.errors import BadInputError, JobTimeoutError, OutOfMemoryError, ServiceError
from digital_human.jobs.worker.protocol import (
    Command,
    Configure,
    Failed,
    FindFaces,
    Message,
    Prepare,
    Progress,
    Result,
    Study,
    decode,
    encode,
)
from digital_human.settings import Settings

log = logging.getLogger(__name__)

_CRASHES = (SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP)
_POLL = 0.1
# A worker decodes files of strangers, and needs no secret.
NOT_FOR_WORKERS: dict[str, Any] = {
    "api_keys": (),
    "operator_keys": (),
    "webhook_secret": None,
    "speech_key": None,
    "callback_hosts": (),
    "database_url": None,
    "c2pa_certificate": None,
    "c2pa_private_key": None,
}
# Frames pass from thread to thread. glibc would give each thread its own heap and keep freed memory there: ten minutes
# of 720p held 370 MB more than ten seconds did. One heap keeps the frames that are needed again, since every new page
# costs a fault, and returns the rest.
ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20),
}


class Worker:
    """One worker process; started again by the next call after it has ended."""

    def __init__(self, settings: Settings, triton_url: Callable[[], str], spawner: Executor) -> None:
        self._settings = settings
        self._triton_url = triton_url
        self._spawner = spawner
        self._is_idle = True
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def call(self, command: Command[Result], on_progress: OnProgress, check: Callable[[], None]) -> Result:
        """Have a command done, and return its result. `check` is called several times a second and raises to break off.

        Raises what the worker raised. A worker that is broken off, crashes, stalls or lacks memory is ended.
        """
        if self.pid is None:
            self.start()
        try:
            self._send(command)
            return self._result(command, on_progress, check)
        except BaseException:
            if not self._is_idle:
                self.stop()
            raise

    def start(self) -> None:
        """Start the process before its first call, which then need not wait for it."""
        self.stop()
        given = {name: value for name, value in os.environ.items() if name.lower() not in NOT_FOR_WORKERS}
        environment = ALLOCATOR | given
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-m", "digital_human.jobs.worker.main"]
        pipe = subprocess.PIPE
        self._process = self._spawner.submit(
            lambda: subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, text=True)
        ).result()
        self._answers = queue.SimpleQueue()
        reader = threading.Thread(target=_read, args=(self._process, self._answers), name="worker-answers", daemon=True)
        reader.start()
        settings = self._settings.model_dump(mode="json") | NOT_FOR_WORKERS
        self._send(Configure(settings, self._triton_url()))

    def stop(self) -> None:
        """End the process at once. The next process to work on the job finds the unfinished files."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process = None

    def _send(self, message: Message) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._is_idle = False
        try:
            self._process.stdin.write(encode(message))
            self._process.stdin.flush()
        except OSError:
            pass  # it has died; `_result` finds out how

    def _result(self, command: Command[Result], on_progress: OnProgress, check: Callable[[], None]) -> Result:
        last_answer = time.monotonic()
        while True:
            check()
            try:
                answer = self._answers.get(timeout=_POLL)
            except queue.Empty:
                if time.monotonic() - last_answer > self._settings.stall_seconds:
                    raise self._stalled(command) from None
                continue
            last_answer = time.monotonic()
            if answer is None:
                raise self._died(command)
            if isinstance(answer, Progress):
                on_progress(answer.stage, answer.share)
                continue
            if isinstance(answer, Failed):
                error = answer.error()
                # Memory that ran out may never come free, and the next job would lack it.
                self._is_idle = not isinstance(error, OutOfMemoryError)
                raise error
            self._is_idle = True
            return cast(Result, answer)

    def _stalled(self, command: Command[Any]) -> ServiceError:
        seconds = self._settings.stall_seconds
        if isinstance(command, Prepare | Study | FindFaces):
            return BadInputError("decoder_stalled", seconds=seconds)
        return JobTimeoutError("job_stalled", seconds=seconds)

    def _died(self, command: Command[Any]) -> ServiceError:
        assert self._process is not None
        status = self._process.wait()
        log.warning("a worker ended with status %d during %s", status, type(command).__name__)
        if isinstance(command, Prepare | Study | FindFaces) and -status in _CRASHES:
            return BadInputError("decoder_crashed")
        return ServiceError("job_process_ended", transient=True)


def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[Message | None]) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(decode(line))
    except ValueError:
        pass  # the pipe was closed under us, or the last line was cut
    answers.put(None)
