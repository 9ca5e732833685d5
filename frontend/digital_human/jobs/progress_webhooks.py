"""Webhooks with the progress of a job while it runs, for callers who asked for them.

They are sent once, from a thread beside the job: the next one says more than a repetition would. While a receiver is
slow, newer progress replaces the one that waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from digital_human.core.states import OnProgress, Stage
from digital_human.errors import ServiceError
from digital_human.jobs.models import JobSpec
from digital_human.net.webhooks import NotDeliveredError, deliver
from digital_human.settings import Settings

log = logging.getLogger(__name__)


class _JobOverError(Exception):
    """Breaks off the delivery that is under way."""


@dataclass
class _Latest:
    """What is to be sent next. `changed` guards everything."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    progress: tuple[Stage, float] | None = None
    is_over: bool = False

    def put(self, stage: Stage, progress: float) -> None:
        with self.changed:
            self.progress = (stage, progress)
            self.changed.notify()

    def end(self) -> None:
        with self.changed:
            self.is_over = True
            self.changed.notify()

    def take(self, last: Stage | None, not_before: float) -> tuple[Stage, float] | None:
        """Wait for the next one: of another stage than `last`, or of any after `not_before`. None once it is over."""
        with self.changed:
            while not self.is_over:
                patience = not_before - time.monotonic()
                if self.progress is None:
                    self.changed.wait()
                elif self.progress[0] == last and patience > 0:
                    self.changed.wait(patience)
                else:
                    taken, self.progress = self.progress, None
                    return taken
            return None

    def check(self) -> None:
        if self.is_over:
            raise _JobOverError


@contextmanager
def progress_webhooks(task_id: str, spec: JobSpec, settings: Settings) -> Iterator[OnProgress]:
    """Send what the yielded function is called with, the progress of the whole job, if the job asks for it.

    None is under way after the end.
    """
    if not (spec.callback_url and spec.callback_progress):
        yield lambda stage, progress: None
        return
    latest = _Latest()
    arguments = (spec.callback_url, task_id, latest, settings)
    sender = threading.Thread(target=_send, args=arguments, name="progress-webhooks", daemon=True)
    sender.start()
    try:
        yield latest.put
    finally:
        latest.end()
        sender.join()


def _send(url: str, task_id: str, latest: _Latest, settings: Settings) -> None:
    stage, not_before = None, 0.0
    while (taken := latest.take(stage, not_before)) is not None:
        stage, progress = taken
        not_before = time.monotonic() + settings.callback_progress_seconds
        payload = {
            "type": "task.progress",
            "task_id": task_id,
            "state": "running",
            "stage": stage,
            "progress": progress,
        }
        webhook_id = f"{task_id}-progress-{time.time_ns() // 1_000_000}"
        try:
            deliver(url, webhook_id, payload, settings, latest.check)
        except NotDeliveredError as error:
            log.info("progress webhook of task %s: %s", task_id, error)
        except ServiceError as error:
            log.warning("progress webhooks of task %s end: %s", task_id, error)
            return
        except _JobOverError:
            return
