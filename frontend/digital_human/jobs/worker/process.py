"""The service's side of the worker processes: start them, give them work, end those that crash or hang."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from signal import SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP
from typing import Any

from digital_human.core.cpus import usable_processors
from digital_human.errors import BadInputError, JobTimeoutError, OutOfMemoryError, ServiceError, error_from_name
from digital_human.settings import Settings

log = logging.getLogger(__name__)

Progress = Callable[[str, float], None]

_CRASHES = (SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP)
_POLL = 0.1
PROCESSORS, MOST_HELPERS = 4, 3
"""What one worker keeps busy with x264 and its share of the networks; each may hold half a gigabyte."""
# The worker decodes what strangers send; it has no use for secrets.
_NOT_FOR_WORKERS: dict[str, Any] = {
    "api_keys": (),
    "operator_keys": (),
    "webhook_secret": None,
    "callback_hosts": (),
    "database_url": None,
    "c2pa_certificate": None,
    "c2pa_private_key": None,
}
# Frames pass from thread to thread. glibc would give each thread a heap of its own and keep there what is freed: ten
# minutes of 720p held 370 MB more than ten seconds. One heap keeps the frames that will be needed again, for every page
# that comes anew costs a fault, and gives back the rest.
_ALLOCATOR = {
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
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def call(self, command: Mapping[str, Any], progress: Progress, check: Callable[[], None]) -> dict[str, Any]:
        """Have a command done. `check` is asked several times a second and raises to break off.

        Raises what the worker raised. A worker that is broken off, crashes, stalls or lacks memory is ended
        with its work.
        """
        if self.pid is None:
            self.start()
        try:
            self._send(command)
            return self._result(str(command["do"]), progress, check)
        except BaseException:
            if not self._is_idle:
                self.stop()
            raise

    def start(self) -> None:
        """Start the process ahead of the first call, so that this one need not wait."""
        self.stop()
        given = {name: value for name, value in os.environ.items() if name.lower() not in _NOT_FOR_WORKERS}
        environment = _ALLOCATOR | given
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-m", "digital_human.jobs.worker.main"]
        pipe = subprocess.PIPE
        self._process = self._spawner.submit(
            lambda: subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, text=True)
        ).result()
        self._answers = queue.SimpleQueue()
        reader = threading.Thread(target=_read, args=(self._process, self._answers), name="worker-answers", daemon=True)
        reader.start()
        settings = self._settings.model_dump(mode="json") | _NOT_FOR_WORKERS
        self._send({"settings": settings, "triton_url": self._triton_url()})

    def stop(self) -> None:
        """End the process at once; what it was writing is left to whoever takes the job up."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process = None

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._is_idle = False
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has died; `_result` finds out how

    def _result(self, doing: str, progress: Progress, check: Callable[[], None]) -> dict[str, Any]:
        heard = time.monotonic()
        while True:
            check()
            try:
                answer = self._answers.get(timeout=_POLL)
            except queue.Empty:
                if time.monotonic() - heard > self._settings.stall_seconds:
                    raise self._stalled(doing) from None
                continue
            heard = time.monotonic()
            if answer is None:
                raise self._died(doing)
            if "progress" in answer:
                progress(*answer["progress"])
                continue
            if "error" in answer:
                error = error_from_name(**answer["error"])
                # What was held when memory ran out may never come free, and the next job would lack it.
                self._is_idle = not isinstance(error, OutOfMemoryError)
                raise error
            self._is_idle = True
            done: dict[str, Any] = answer["done"]
            return done

    def _stalled(self, doing: str) -> ServiceError:
        seconds = f"{self._settings.stall_seconds:g} s"
        if doing == "prepare":
            return BadInputError(f"decoding audio_path or video_path made no progress for {seconds}")
        return JobTimeoutError(f"the job made no progress for {seconds}")

    def _died(self, doing: str) -> ServiceError:
        assert self._process is not None
        status = self._process.wait()
        log.warning("a worker ended with status %d while it was to %s", status, doing)
        if doing == "prepare" and -status in _CRASHES:
            return BadInputError("audio_path or video_path: decoding it crashes the decoder")
        return error_from_name("ServiceError", "the job's process ended unexpectedly", transient=True)


class Workers:
    """As many workers as jobs may run at the same time, and helpers; the one that was used last is used first.

    A worker is started when it is first needed, but for the first: all at once would keep it from its job.
    """

    def __init__(self, settings: Settings, triton_url: Callable[[], str]) -> None:
        # The kernel ends a worker with the *thread* that started it, so one thread that stays starts them all.
        self._spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")
        self.helpers = helpers_for(settings)
        count = settings.max_jobs + self.helpers
        self._all = [Worker(settings, triton_url, self._spawner) for _ in range(count)]
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in reversed(self._all[: settings.max_jobs]):
            self._idle.put(worker)
        # Adding and taking at one end is atomic.
        self._helpers = self._all[settings.max_jobs :]

    @contextmanager
    def lease(self) -> Iterator[Worker]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)

    def helper(self) -> Worker | None:
        """One that draws for a job beside its own worker, to be given back; None where all are busy."""
        try:
            return self._helpers.pop()
        except IndexError:
            return None

    def give_back(self, helper: Worker) -> None:
        self._helpers.append(helper)

    def start(self) -> None:
        """Start the first, so that the first job need not wait for it."""
        self._all[0].start()

    def stop(self) -> None:
        for worker in self._all:
            worker.stop()
        self._spawner.shutdown()


def helpers_for(settings: Settings) -> int:
    """Workers beyond one for each job: as set, or what the processors leave room for."""
    if settings.helpers is not None:
        return settings.helpers
    return min(max(usable_processors() // PROCESSORS - settings.max_jobs, 0), MOST_HELPERS)


def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(json.loads(line))
    except ValueError:
        pass  # the pipe was closed under us, or the last line was cut
    answers.put(None)
