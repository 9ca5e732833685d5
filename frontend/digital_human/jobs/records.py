"""The names under which jobs are on record in the database.

Queued and running jobs of an earlier version are found by these names, and by those of the steps in `steps`. A name
that changes strands them: raise VERSION then, and see to the jobs of the version before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbos import DBOS, WorkflowStatus

from digital_human.core.states import State

VERSION = "1"
"""DBOS gives jobs only to processes of the version that queued them."""
JOBS, WEBHOOKS = "jobs", "webhooks"
"""Queues."""
GENERATE, DELIVER, STUDY = "generate", "deliver_webhook", "study_avatar"
"""Workflows."""
PROGRESS = "progress"
"""The event with a running job's progress."""
GIVEN_UP = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
"""A job that took its process down too often."""

STATE_OF: Mapping[str, State] = {
    "ENQUEUED": "queued",
    "DELAYED": "queued",
    "PENDING": "running",
    "SUCCESS": "succeeded",
    "ERROR": "failed",
    GIVEN_UP: "failed",
    "CANCELLED": "cancelled",
}
"""The task's state by the status that DBOS gives its workflow."""
OPEN_STATUSES = ("ENQUEUED", "PENDING", "DELAYED")
"""Those of tasks that wait or run."""


def statuses(task_ids: Sequence[str]) -> list[WorkflowStatus]:
    """The status of each task, without its input and output."""
    found: list[WorkflowStatus] = DBOS.list_workflows(workflow_ids=list(task_ids), load_input=False, load_output=False)
    return found


def is_cancelled(task_id: str) -> bool:
    return any(status.status == "CANCELLED" for status in statuses([task_id]))
