"""A job as a durable workflow, and its webhook as another one.

DBOS keeps both in the database. A process that dies leaves them to be resumed by itself, started again, or by another
process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from dbos import DBOS, SetWorkflowID, WorkflowSerializationFormat

from digital_human.core.notices import worded
from digital_human.errors import JobCancelledError, ServiceError, UnavailableError
from digital_human.files.disk_space import has_disk_space
from digital_human.jobs.cancellation import JobControl
from digital_human.jobs.models import JobSpec, failure_of
from digital_human.jobs.progress_webhooks import progress_webhooks
from digital_human.jobs.publish import discard_files
from digital_human.jobs.records import DELIVER, GENERATE, WEBHOOKS, statuses
from digital_human.jobs.steps import RunningJob, WorkflowContext, make_video
from digital_human.net.webhooks import NotDeliveredError, deliver
from digital_human.observability import job_scope, metrics

log = logging.getLogger(__name__)

_WEBHOOK_ATTEMPTS = 8
# A job that takes its whole process down with it is given up after so many.
MAX_RECOVERIES = 30
_TRITON_POLL = 0.2

Notify = Callable[[str, JobSpec, Mapping[str, Any]], None]
"""Queues the webhook of a task, if it has one: (task id, job, outcome)."""


def register(context: Callable[[], WorkflowContext]) -> tuple[Callable[..., Any], Notify]:
    """Make the workflows known to DBOS. Returns the one to queue a job with, and `Notify`.

    context: called when a workflow begins
    """

    @DBOS.workflow(
        name=GENERATE, max_recovery_attempts=MAX_RECOVERIES, serialization_type=WorkflowSerializationFormat.PORTABLE
    )
    def generate(spec: dict[str, Any]) -> dict[str, Any]:
        assert DBOS.workflow_id is not None
        with job_scope.job(DBOS.workflow_id):
            return _generate(context(), DBOS.workflow_id, JobSpec.from_record(spec), notify)

    @DBOS.workflow(name=DELIVER, serialization_type=WorkflowSerializationFormat.PORTABLE)
    def deliver_webhook(url: str, task_id: str, payload: dict[str, Any]) -> None:
        for attempt in range(_WEBHOOK_ATTEMPTS):
            failure = DBOS.run_step({"name": "attempt"}, _attempt, url, task_id, payload, context())
            if failure is None:
                return
            log.warning("webhook of task %s: %s", task_id, failure)
            DBOS.sleep(2.0 ** (attempt + 1))

    def notify(task_id: str, spec: JobSpec, outcome: Mapping[str, Any]) -> None:
        if spec.callback_url:
            payload = {"type": f"task.{outcome['state']}", "task_id": task_id, **outcome}
            with SetWorkflowID(webhook_id(task_id)):
                DBOS.enqueue_workflow(WEBHOOKS, deliver_webhook, spec.callback_url, task_id, payload)

    return generate, notify


def webhook_id(task_id: str) -> str:
    """One webhook per task, however often it is queued."""
    return f"{task_id}-webhook"


def _attempt(url: str, task_id: str, payload: dict[str, Any], context: WorkflowContext) -> str | None:
    try:
        # The end of the service interrupts an attempt; the next start repeats it.
        deliver(url, task_id, payload, context.settings, partial(context.registry.check, JobControl()))
    except NotDeliveredError as error:
        return str(error)
    return None


def _generate(context: WorkflowContext, task_id: str, spec: JobSpec, notify: Notify) -> dict[str, Any]:
    settings = context.settings
    started: float = DBOS.run_step({"name": "begin"}, _begin, task_id)
    control = context.registry.enter(task_id)
    control.timeout, control.deadline = spec.timeout, started + spec.timeout
    log.info("task %s is under way", task_id)
    try:
        wait_for_triton(context, spec.options.engine, control)
        with context.pool.lease() as worker, progress_webhooks(task_id, spec, settings) as on_progress:
            result = make_video(RunningJob(context, task_id, spec, control, on_progress), worker, started)
    except Exception as error:
        discard_files(spec, task_id, settings)
        if isinstance(error, JobCancelledError):
            raise
        failure = failure_of(error)
        log.warning("task %s failed: %s", task_id, error, exc_info=None if isinstance(error, ServiceError) else error)
        while not has_disk_space(settings):
            context.registry.wait(1.0)
        outcome = {"code": failure.status, "message": str(failure), "error": failure.name}
        notify(task_id, spec, {"state": "failed", "error": outcome})
        raise
    finally:
        context.registry.leave(task_id)
    discard_files(spec, task_id, settings)
    log.info("task %s finished: %d frames, %.2f x real time", task_id, result["frames"], result["real_time_factor"])
    warnings = worded(result.get("notices", ()))
    notify(task_id, spec, {"state": "succeeded", "result": result, **({"warnings": warnings} if warnings else {})})
    return result


def wait_for_triton(context: WorkflowContext, engine: str, control: JobControl) -> None:
    """Hold the job while Triton loads. Raises UnavailableError after `triton_wait_seconds` or once it is given up."""
    deadline = time.monotonic() + context.settings.triton_wait_seconds
    while True:
        try:
            context.require_engine(engine)
            return
        except UnavailableError as error:
            if not error.transient or time.monotonic() > deadline:
                raise
        context.registry.pause(_TRITON_POLL, control)


def _begin(task_id: str) -> float:
    """Now. It is on record, so a job that is resumed has begun already and its wait is counted once."""
    now = time.time()
    for status in statuses([task_id]):
        metrics.queue_wait.observe(max(now - (status.created_at or now * 1000) / 1000, 0.0))
    return now
