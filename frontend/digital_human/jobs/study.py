"""The study of an avatar as a durable workflow, in the same queue as the jobs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSContextSetAuth, SetEnqueueOptions, SetWorkflowID, WorkflowSerializationFormat
from sqlalchemy.exc import DBAPIError

from digital_human.core.states import Stage
from digital_human.errors import ConflictError, JobCancelledError, NotFoundError, ServiceError
from digital_human.files import avatars
from digital_human.files.avatars import KeptAvatar
from digital_human.files.downloads import fetch
from digital_human.jobs.avatar_defaults import options_of
from digital_human.jobs.cancellation import JobControl
from digital_human.jobs.models import JobSpec, failure_of
from digital_human.jobs.recorded import recorded_step
from digital_human.jobs.records import GENERATE, JOBS, OPEN_STATUSES, PROGRESS, STUDY, statuses
from digital_human.jobs.steps import WorkflowContext
from digital_human.jobs.worker.process import Worker
from digital_human.jobs.worker.protocol import Study
from digital_human.jobs.workflow import MAX_RECOVERIES, wait_for_triton
from digital_human.observability import logs, tracing
from digital_human.pipeline.options import RenderOptions
from digital_human.runtime.context import template_store

log = logging.getLogger(__name__)

_PROGRESS_INTERVAL = 1.0
_PRIORITY = 4
"""A little before jobs that name no priority: somebody waits to see the avatar."""


def register(context: Callable[[], WorkflowContext]) -> Any:
    """Make the workflow known to DBOS, and return it."""

    @DBOS.workflow(
        name=STUDY, max_recovery_attempts=MAX_RECOVERIES, serialization_type=WorkflowSerializationFormat.PORTABLE
    )
    def study_avatar(avatar_id: str) -> dict[str, Any]:
        with logs.task(avatar_id), tracing.job(avatar_id):
            return _study(context(), avatar_id)

    return study_avatar


class Studies:
    """The avatars as the rest of the service uses them. Every method may block."""

    def __init__(self, context: WorkflowContext, workflow: Any) -> None:
        self._context = context
        self._workflow = workflow

    def begin(self, kept: KeptAvatar) -> None:
        """Queue the study of an avatar that has been kept, however many wait. Nothing where it is queued already."""
        avatar = kept.avatar
        with SetWorkflowID(avatar.id), SetEnqueueOptions(priority=_PRIORITY), DBOSContextSetAuth(avatar.owner, None):
            DBOS.enqueue_workflow(JOBS, self._workflow, avatar.id)

    def progress(self, kept: KeptAvatar) -> float:
        """0-1"""
        if kept.study is not None:
            return 1.0
        reported = DBOS.get_all_events(kept.avatar.id).get(PROGRESS) or {}
        return float(reported.get("progress", 0.0))

    def remove(self, kept: KeptAvatar) -> None:
        """Remove an avatar and what was found out about it. Raises ConflictError while a task needs it."""
        busy = sum(Path(spec.video) == kept.template for spec in _open_specs())
        if busy:
            raise ConflictError("avatar_in_use", count=busy)
        DBOS.cancel_workflow(kept.avatar.id)
        self._context.registry.cancel(kept.avatar.id)
        content = kept.content
        avatars.remove(kept)
        if content is not None:
            template_store(self._context.settings).forget(content)

    def resume(self) -> None:
        """Queue the studies of avatars whose process died before it could. One that was given up has failed."""
        for kept in avatars.every(self._context.settings):
            if kept.study is None:
                found = statuses([kept.avatar.id])
                if not found:
                    self.begin(kept)
                elif found[0].status not in OPEN_STATUSES:
                    _record_failure(kept.avatar.id, ServiceError("internal_error"), self._context)


def _open_specs() -> list[JobSpec]:
    found = DBOS.list_workflows(name=GENERATE, status=list(OPEN_STATUSES), load_output=False)
    return [JobSpec.from_record(status.input["args"][0]) for status in found if status.input is not None]


def _study(context: WorkflowContext, avatar_id: str) -> dict[str, Any]:
    settings, control = context.settings, context.registry.enter(avatar_id)
    step = partial(recorded_step, registry=context.registry, control=control, settings=settings)
    try:
        kept = avatars.by_id(avatar_id, settings)
        options = replace(options_of(kept.avatar.defaults), engine=kept.avatar.engine)
        wait_for_triton(context, options.engine, control)
        if kept.avatar.url is not None:
            step("fetch template", partial(_fetch, kept, kept.avatar.url, context, control))
        with context.pool.lease() as worker:
            found = step("study", partial(_call, kept, options, worker, context, control))
        study: Mapping[str, Any] = {"error": None, **found}
        step("keep", partial(avatars.write_study, kept, study))
        return found
    except Exception as error:
        if not isinstance(error, JobCancelledError):
            _record_failure(avatar_id, failure_of(error), context)
        raise
    finally:
        context.registry.leave(avatar_id)


def _call(
    kept: KeptAvatar, options: RenderOptions, worker: Worker, context: WorkflowContext, control: JobControl
) -> dict[str, Any]:
    reported = 0.0

    def report(stage: Stage, share: float) -> None:
        nonlocal reported
        if time.monotonic() - reported >= _PROGRESS_INTERVAL:
            reported = time.monotonic()
            with suppress(DBAPIError):
                DBOS.set_event(PROGRESS, {"progress": round(share, 3)})

    command = Study(kept.avatar.id, kept.template, kept.thumbnail, options, tracing.headers())
    result = worker.call(command, report, lambda: context.registry.check(control))
    return {"content": result.content, "facts": dict(result.facts), "warnings": [list(one) for one in result.warnings]}


def _fetch(kept: KeptAvatar, url: str, context: WorkflowContext, control: JobControl) -> None:
    if not kept.template.exists():
        fetch(url, kept.template, "video_path", context.settings, lambda: context.registry.check(control))


def _record_failure(avatar_id: str, failure: ServiceError, context: WorkflowContext) -> None:
    log.warning("avatar %s cannot be used: %s", avatar_id, failure)
    record = {
        "class": type(failure).__name__,
        "message": str(failure),
        "data": failure.data and {**failure.data, "params": dict(failure.params)},
    }
    with suppress(NotFoundError):
        avatars.write_study(avatars.by_id(avatar_id, context.settings), {"error": record})
