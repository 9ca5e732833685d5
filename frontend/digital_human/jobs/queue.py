"""The queue of jobs as the rest of the service uses it: submit, get, list, cancel, wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSContextSetAuth, SetEnqueueOptions, SetWorkflowID
from dbos import WorkflowStatus as Status

from digital_human.core.states import State
from digital_human.errors import ConflictError, KeyReusedError, NotFoundError, QueueFullError, UnavailableError
from digital_human.files.avatars import KeptAvatar
from digital_human.files.disk_space import require_disk_space
from digital_human.jobs.database_threads import in_database_thread
from digital_human.jobs.estimates import Estimates, running_eta
from digital_human.jobs.models import JobSpec, Task, failure_of
from digital_human.jobs.publish import discard_files
from digital_human.jobs.records import GENERATE, JOBS, PROGRESS, STATE_OF
from digital_human.jobs.steps import WorkflowContext
from digital_human.jobs.study import Studies
from digital_human.jobs.watcher import Watcher
from digital_human.jobs.workflow import Notify
from digital_human.pipeline.report import picture_path, report_path

_CANCEL_PATIENCE = 2.0


class Jobs:
    """Made by `open_jobs`. Every method may block on the database; none is called from an event loop's thread."""

    def __init__(
        self, context: WorkflowContext, watcher: Watcher, workflow: Any, notify: Notify, studies: Studies
    ) -> None:
        self.studies = studies
        self._context = context
        self._watcher = watcher
        self._workflow = workflow
        self._notify = notify
        self._submitting = threading.Lock()
        self._estimates = Estimates(context.settings.max_jobs)

    def known(self, task_id: str, request: Mapping[str, Any]) -> Task | None:
        """The task of this id, if there is one. Raises KeyReusedError if another request made it."""
        task = self._find(task_id)
        if task is not None and dict(task.spec.request) != dict(request):
            raise KeyReusedError("key_reused")
        return task

    def submit(self, spec: JobSpec, owner: str, priority: int, task_id: str) -> Task:
        """Queue a job. With the id of a task that there is already, that task, if the request was the same.

        Raises QueueFullError, KeyReusedError, OutputError where there is no room for its record, and UnavailableError
        while the service stops.
        """
        if self.is_stopping:
            raise UnavailableError("shutting_down")
        with self._submitting:
            if (known := self.known(task_id, spec.request)) is not None:
                return known
            self.require_room()
            with (
                SetWorkflowID(task_id),
                SetEnqueueOptions(priority=priority),
                DBOSContextSetAuth(owner, None),
            ):
                DBOS.enqueue_workflow(JOBS, self._workflow, spec.to_record())
            self._estimates.tasks(fresh=True)
        task = self._find(task_id)
        assert task is not None
        return task

    def begin_study(self, kept: KeptAvatar) -> None:
        """Queue the study of an avatar that has been kept. Raises QueueFullError and OutputError as `submit` does."""
        with self._submitting:
            self.require_room()
            self.studies.begin(kept)

    def require_room(self) -> None:
        """Raises QueueFullError where MAX_QUEUED wait already, OutputError where the disk is full."""
        waiting, settings = len(self.queued_ids(fresh=True)), self._context.settings
        require_disk_space(settings)
        if waiting >= settings.max_queued:
            raise QueueFullError("queue_full", waiting=waiting, retry_after=self._retry_after())

    def get(self, task_id: str, owner: str | None) -> Task:
        """owner: None sees every task. Raises NotFoundError."""
        task = self._find(task_id)
        if task is None or owner not in (None, task.owner):
            raise NotFoundError("task_not_found")
        return task

    def latest(self, prefix: str) -> Task | None:
        """The youngest task with an id that begins so."""
        found = DBOS.list_workflows(workflow_id_prefix=prefix, name=GENERATE, sort_desc=True, limit=1)
        return self._task(found[0]) if found else None

    def page(self, owner: str | None, state: State | None, limit: int, offset: int) -> list[Task]:
        """Newest first."""
        found = DBOS.list_workflows(
            name=GENERATE,
            user=owner,
            status=[name for name, known in STATE_OF.items() if known == state] if state else None,
            limit=limit,
            offset=offset,
            sort_desc=True,
        )
        return [self._task(status) for status in found]

    def cancel(self, task_id: str, owner: str | None) -> Task:
        """Stop a job; returns when nothing of it is left.

        Raises NotFoundError, and ConflictError where it has ended already.
        """
        task = self.get(task_id, owner)
        if task.state == "cancelled":
            return task
        if task.has_ended:
            raise ConflictError("task_has_ended", state=task.state)
        DBOS.cancel_workflow(task_id)
        self._context.registry.cancel(task_id)
        deadline = time.monotonic() + _CANCEL_PATIENCE
        while task_id in self._context.registry.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        task = self.get(task_id, None)
        if task.state == "cancelled":
            # The process that ran it cleans up too. This is for jobs that no process runs at the moment.
            discard_files(task.spec, task_id, self._context.settings)
            self._notify(task_id, task.spec, {"state": "cancelled"})
        return task

    def purge(self, task_id: str, owner: str | None) -> Task:
        """Remove a task and what the service keeps of it; one that has not ended is cancelled first.

        A file at its `save_path` stays. Raises NotFoundError.
        """
        task = self.get(task_id, owner)
        if not task.has_ended:
            with suppress(ConflictError):
                task = self.cancel(task_id, owner)
        settings = self._context.settings
        kept = [report_path(settings, task_id), picture_path(settings, task_id)]
        for path in [*kept, *([Path(task.spec.save)] if task.spec.kept else [])]:
            path.unlink(missing_ok=True)
        DBOS.delete_workflows([task_id])
        return task

    async def wait(self, task_id: str) -> Task:
        """The task when it has ended.

        Raises UnavailableError where this service stops before; the task goes on then.
        """
        await self.ended(task_id)
        return await asyncio.wrap_future(in_database_thread(self.get, task_id, None))

    async def ended(self, workflow_id: str) -> None:
        """Return when a task, or the study of an avatar, has ended. Raises UnavailableError as `wait` does."""
        try:
            await asyncio.wrap_future(self._watcher.ended(workflow_id))
        except asyncio.CancelledError:
            if self.is_stopping:
                raise UnavailableError("shutting_down_task_goes_on", task=workflow_id) from None
            raise

    def stop_soon(self) -> None:
        """Take no new job, begin no further step, release all callers. Safe to call from a signal handler."""
        self._context.registry.stop_soon()

    @property
    def is_stopping(self) -> bool:
        return self._context.registry.is_stopping

    def queued_ids(self, fresh: bool = False) -> list[str]:
        """Ids of the queued tasks and studies, the next one first; up to 0.1 s old unless `fresh`."""
        return self._estimates.tasks(fresh).queued

    def require_database(self) -> None:
        """Return when the database has answered, however long that takes."""
        DBOS.list_workflows(limit=1, load_input=False, load_output=False)

    def counts(self) -> dict[State, int]:
        """Tasks and studies that wait and that run, in all processes."""
        tasks = self._estimates.tasks()
        return {"queued": len(tasks.queued), "running": tasks.running}

    def _find(self, task_id: str) -> Task | None:
        found = DBOS.list_workflows(workflow_ids=[task_id], name=GENERATE)
        return self._task(found[0]) if found else None

    def _task(self, status: Status) -> Task:
        assert status.input is not None
        state = STATE_OF[status.status]
        reported: Mapping[str, Any] = {}
        if state == "running":
            reported = DBOS.get_all_events(status.workflow_id).get(PROGRESS) or {}
        position = None
        if state == "queued":
            queued = self.queued_ids()
            if status.workflow_id not in queued:
                queued = self.queued_ids(fresh=True)
            # Not among them even now: it has begun since.
            position = queued.index(status.workflow_id) if status.workflow_id in queued else 0
        failure = None
        if state == "failed":
            assert status.error is not None
            failure = failure_of(status.error)
        started = _seconds(status.dequeued_at)
        progress = 1.0 if state == "succeeded" else float(reported.get("progress", 0.0))
        result = status.output if state == "succeeded" else None
        ended = _seconds(status.completed_at)
        if result:
            started, ended = result["started"], result["ended"]
        return Task(
            id=status.workflow_id,
            owner=status.authenticated_user or "",
            spec=JobSpec.from_record(status.input["args"][0]),
            state=state,
            stage=reported.get("stage"),
            progress=progress,
            position=position,
            eta=self._estimates.queued_eta(position) if position is not None else running_eta(reported, started),
            failure=failure,
            result=result,
            created=_seconds(status.created_at) or 0.0,
            started=started,
            ended=ended,
            timings=(result or {}).get("timings", {}),
        )

    def _retry_after(self) -> int:
        return max(1, round((self._estimates.typical_seconds() or 30.0) / self._context.settings.max_jobs))


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
