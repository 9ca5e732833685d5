"""Reasons to stop a job that runs here: cancelled, taken over by another process, too late, or the service stops."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from digital_human.errors import JobCancelledError, JobTimeoutError

_LEAVING = 3.0


class Interrupted(BaseException):
    """Leaves a job without an outcome, to be resumed by this process or another one.

    Not an `Exception`, on purpose: the workflow engine records those as the job's outcome.
    """


@dataclass
class JobControl:
    """The signals to one running job.

    cancelled: its caller wants no result
    lost:      another process has taken the job over
    deadline:  seconds since 1970; timeout: the seconds that lead to it
    """

    cancelled: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    deadline: float = float("inf")
    timeout: float = 0.0


class JobRegistry:
    """The jobs that run in this process, and whether the process stops."""

    def __init__(self) -> None:
        self._controls: dict[str, JobControl] = {}
        self._lock = threading.Lock()
        self._busy = 0
        self.left = threading.Event()
        """Set when a job has left. The watcher clears it."""
        self._stopping = threading.Event()
        self._stopped = threading.Event()

    def enter(self, task_id: str) -> JobControl:
        with self._lock:
            return self._controls.setdefault(task_id, JobControl())

    def leave(self, task_id: str) -> None:
        with self._lock:
            self._controls.pop(task_id, None)
        self.left.set()

    def running(self) -> dict[str, JobControl]:
        with self._lock:
            return dict(self._controls)

    def cancel(self, task_id: str) -> None:
        with self._lock:
            if task_id in self._controls:
                self._controls[task_id].cancelled.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def stop_soon(self) -> None:
        """Begin no further step. Safe to call from a signal handler."""
        self._stopping.set()

    def stop(self, grace: float) -> None:
        """Begin no further step. Running steps have `grace` seconds to end."""
        self.stop_soon()
        deadline = time.monotonic() + grace
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.05)
        self._stopped.set()
        deadline = time.monotonic() + _LEAVING
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)

    def begin_step(self, control: JobControl) -> None:
        """Raises like `check`. While the service stops, waits for the end first: the job keeps its place till then."""
        if self._stopping.is_set():
            self._stopped.wait()
            raise Interrupted
        self.check(control)
        with self._lock:
            self._busy += 1

    def end_step(self) -> None:
        with self._lock:
            self._busy -= 1

    def check(self, control: JobControl) -> None:
        """Raises JobCancelledError, JobTimeoutError or Interrupted if the job may not go on."""
        if control.lost.is_set() or self._stopped.is_set():
            raise Interrupted
        if control.cancelled.is_set():
            raise JobCancelledError("job_cancelled")
        if time.time() > control.deadline:
            raise JobTimeoutError("job_timed_out", seconds=control.timeout)

    def pause(self, seconds: float, control: JobControl) -> None:
        """Sleep. Raises like `check`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check(control)
            self.wait(0.1)

    def wait(self, seconds: float) -> None:
        """Sleep. Raises Interrupted when the service stops."""
        if self._stopping.wait(seconds):
            raise Interrupted
