"""Polls the database once per interval, for all callers who wait for a task and all jobs that run here."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future

from digital_human.jobs.cancellation import JobRegistry
from digital_human.jobs.records import OPEN_STATUSES, statuses

log = logging.getLogger(__name__)

INTERVAL = 0.25
SOON, POLLS = 0.02, 10
"""A job that leaves is about to be on record as ended: the next POLLS polls follow at this interval."""


class Watcher:
    """Ends the futures of `ended`, and passes cancellations from other processes on to the jobs of this one."""

    def __init__(self, registry: JobRegistry, executor_id: str) -> None:
        self._registry = registry
        self._executor_id = executor_id
        self._waiting: dict[str, list[Future[None]]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="job-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._registry.left.set()
        self._thread.join()
        self._release()

    def ended(self, task_id: str) -> Future[None]:
        """Done when the task has ended, in this process or another. Cancelled if this service stops first."""
        future: Future[None] = Future()
        with self._lock:
            if self._registry.is_stopping:
                future.cancel()
            else:
                self._waiting.setdefault(task_id, []).append(future)
        return future

    def _run(self) -> None:
        left, soon = self._registry.left, 0
        while not self._stop.is_set():
            if left.wait(SOON if soon else INTERVAL):
                left.clear()
                soon = POLLS
            soon = max(soon - 1, 0)
            if self._registry.is_stopping:
                self._release()
            try:
                self._poll()
            except Exception as error:
                log.warning("the queue's database cannot be read: %s", error)

    def _release(self) -> None:
        """Cancel all futures: the service stops."""
        with self._lock:
            for futures in self._waiting.values():
                for future in futures:
                    future.cancel()
            self._waiting.clear()

    def _poll(self) -> None:
        running = self._registry.running()
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
            if status.status not in OPEN_STATUSES:
                self._end(status.workflow_id)

    def _end(self, task_id: str) -> None:
        with self._lock:
            futures = self._waiting.pop(task_id, [])
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_result(None)
