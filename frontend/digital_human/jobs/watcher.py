"""One look at the database a moment, for everybody who waits for a task and for every job that runs here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from dbos import DBOS, WorkflowStatus

from digital_human.jobs.cancellation import Switchboard

log = logging.getLogger(__name__)

INTERVAL = 0.25
SOON, LOOKS = 0.02, 10
"""A job that leaves is about to be on record as ended: so many looks follow each other so much faster."""
OPEN = ("ENQUEUED", "PENDING", "DELAYED")
"""What DBOS calls a task that waits or runs."""


class Watch:
    """Ends the futures of `ended`, and passes cancellations made in other processes on to the jobs of this one."""

    def __init__(self, switchboard: Switchboard, executor_id: str) -> None:
        self._switchboard = switchboard
        self._executor_id = executor_id
        self._waiting: dict[str, list[Future[None]]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="job-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._switchboard.left.set()
        self._thread.join()
        self._release()

    def ended(self, task_id: str) -> Future[None]:
        """Done when the task has ended, in whichever process; cancelled when this service stops before."""
        future: Future[None] = Future()
        with self._lock:
            if self._switchboard.is_stopping:
                future.cancel()
            else:
                self._waiting.setdefault(task_id, []).append(future)
        return future

    def _run(self) -> None:
        left, soon = self._switchboard.left, 0
        while not self._stop.is_set():
            if left.wait(SOON if soon else INTERVAL):
                left.clear()
                soon = LOOKS
            soon = max(soon - 1, 0)
            if self._switchboard.is_stopping:
                self._release()
            try:
                self._look()
            except Exception as error:
                log.warning("the queue's database cannot be read: %s", error)

    def _release(self) -> None:
        """Nobody waits any longer: callers are told that the service stops."""
        with self._lock:
            for futures in self._waiting.values():
                for future in futures:
                    future.cancel()
            self._waiting.clear()

    def _look(self) -> None:
        running = self._switchboard.running()
        with self._lock:
            wanted = list({*self._waiting, *running})
        if not wanted:
            return
        for status in statuses(wanted):
            control = running.get(status.workflow_id)
            if control is not None and status.status == "CANCELLED":
                control.cancelled.set()
            elif control is not None and status.status == "PENDING" and status.executor_id != self._executor_id:
                control.lost.set()
            if status.status not in OPEN:
                self._end(status.workflow_id)

    def _end(self, task_id: str) -> None:
        with self._lock:
            futures = self._waiting.pop(task_id, [])
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_result(None)


def statuses(task_ids: Sequence[str]) -> list[WorkflowStatus]:
    """Where tasks stand, without their inputs and outputs."""
    found: list[WorkflowStatus] = DBOS.list_workflows(workflow_ids=list(task_ids), load_input=False, load_output=False)
    return found
