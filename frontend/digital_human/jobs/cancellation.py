"""Whether a job that runs here may go on: cancelled, taken over, too late, or the service stops."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from digital_human.errors import JobCancelledError, JobTimeoutError

_LEAVING = 3.0


class Interrupted(BaseException):
    """Leaves a job without an outcome, for this process or another one to take up. No `Exception`, on purpose: the
    workflow engine records those."""


@dataclass
class Control:
    """What others want of one running job."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    deadline: float = float("inf")
    """In seconds since 1970."""
    timeout: float = 0.0


class Switchboard:
    """Every job that runs in this process, and whether the process stops."""

    def __init__(self) -> None:
        self._controls: dict[str, Control] = {}
        self._lock = threading.Lock()
        self._busy = 0
        self.left = threading.Event()
        """Set when a job has left; cleared by whoever acts on it."""
        self._stopping = threading.Event()
        self._stopped = threading.Event()

    def enter(self, task_id: str) -> Control:
        with self._lock:
            return self._controls.setdefault(task_id, Control())

    def leave(self, task_id: str) -> None:
        with self._lock:
            self._controls.pop(task_id, None)
        self.left.set()

    def running(self) -> dict[str, Control]:
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
        """Let no step begin any more. Safe to call from a signal handler."""
        self._stopping.set()

    def stop(self, grace: float) -> None:
        """Let no step begin any more; those that run have `grace` seconds to end."""
        self.stop_soon()
        deadline = time.monotonic() + grace
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.05)
        self._stopped.set()
        deadline = time.monotonic() + _LEAVING
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)

    def begin_step(self, control: Control) -> None:
        """Raises like `check`. Once the service stops, waits for its end first: the job keeps its place till then."""
        if self._stopping.is_set():
            self._stopped.wait()
            raise Interrupted
        self.check(control)
        with self._lock:
            self._busy += 1

    def end_step(self) -> None:
        with self._lock:
            self._busy -= 1

    def check(self, control: Control) -> None:
        """Raises JobCancelledError, JobTimeoutError or Interrupted where the job may not go on."""
        if control.lost.is_set() or self._stopped.is_set():
            raise Interrupted
        if control.cancelled.is_set():
            raise JobCancelledError("the job was cancelled")
        if time.time() > control.deadline:
            raise JobTimeoutError(f"the job took longer than {control.timeout:g} s")

    def pause(self, seconds: float, control: Control) -> None:
        """Sleep, but not through a reason to stop."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check(control)
            self.wait(0.1)

    def wait(self, seconds: float) -> None:
        """Sleep, but not through the end of the service. Raises Interrupted then."""
        if self._stopping.wait(seconds):
            raise Interrupted
