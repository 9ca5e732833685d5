"""The tasks and studies of avatars that wait and run, and estimates of when a task ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbos import DBOS

from digital_human.jobs.records import GENERATE, JOBS

_FRESH = 0.1
_RECENT, _RECENT_FRESH = 20, 10.0
"""Jobs from which the typical duration is taken, and seconds until they are looked up again."""
_TOO_EARLY = 0.02
"""Progress up to which the pace is not known yet."""


@dataclass(frozen=True)
class OpenTasks:
    """The tasks and studies that have not ended.

    taken:   when, on the monotonic clock
    queued:  ids, the next one first
    running: how many, in all processes
    """

    taken: float
    queued: list[str]
    running: int


class Estimates:
    """Asks the database, once per interval for all callers.

    max_jobs: that this service runs at the same time
    """

    def __init__(self, max_jobs: int) -> None:
        self._max_jobs = max_jobs
        self._tasks = OpenTasks(0.0, [], 0)
        self._typical: tuple[float, float | None] = (0.0, None)

    def tasks(self, fresh: bool = False) -> OpenTasks:
        """Up to 0.1 s old unless `fresh`."""
        if fresh or time.monotonic() - self._tasks.taken > _FRESH:
            taken, states = time.monotonic(), ["ENQUEUED", "PENDING"]
            found = DBOS.list_workflows(queue_name=JOBS, status=states, load_input=False, load_output=False)
            queued = [status for status in found if status.status == "ENQUEUED"]
            queued.sort(key=lambda status: (status.priority or 0, status.created_at or 0))
            self._tasks = OpenTasks(taken, [status.workflow_id for status in queued], len(found) - len(queued))
        return self._tasks

    def queued_eta(self, position: int) -> float | None:
        """Seconds until a queued task ends: it begins when the jobs before it have, which are half done on average."""
        typical = self.typical_seconds()
        if typical is None:
            return None
        running = self.tasks().running
        places = max(self._max_jobs, running)
        ahead = position + running - places
        return round(typical if ahead < 0 else (ahead // places + 1.5) * typical, 1)

    def typical_seconds(self) -> float | None:
        """Mean of the last jobs that succeeded, in any process; None if there was none."""
        taken, seconds = self._typical
        if taken == 0 or time.monotonic() - taken > _RECENT_FRESH:
            done = DBOS.list_workflows(name=GENERATE, status="SUCCESS", sort_desc=True, limit=_RECENT, load_input=False)
            each = [status.output["ended"] - status.output["started"] for status in done if status.output]
            seconds = sum(each) / len(each) if each else None
            self._typical = (time.monotonic(), seconds)
        return seconds


def running_eta(reported: Mapping[str, Any], started: float | None) -> float | None:
    """Seconds until a task ends that has reported its progress; None once it is later than that.

    The pace is that of the last step forward, so the estimate falls while nothing moves.
    """
    progress, now = float(reported.get("progress", 0.0)), time.time()
    if started is None or progress <= _TOO_EARLY:
        return None
    moved = float(reported.get("moved", now))
    left = (moved - started) * (1 - progress) / progress - (now - moved)
    return round(left, 1) if left > 0 else None
