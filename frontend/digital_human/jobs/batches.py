"""Batches of jobs: their rows join the queue little by little, so that other callers get their turn."""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from dbos import DBOS
from pydantic import TypeAdapter
from sqlalchemy.exc import DBAPIError

from digital_human.core.states import OPEN, STATES, State
from digital_human.errors import (
    ConflictError,
    NotFoundError,
    OutputError,
    ServiceError,
    UnavailableError,
    error_from_record,
)
from digital_human.files import batches
from digital_human.files.batches import KeptBatch, batches_folder
from digital_human.jobs.models import JobRequest, JobSpec, Task, failure_of
from digital_human.jobs.queue import Jobs
from digital_human.jobs.records import GENERATE, GIVEN_UP, PROGRESS, STATE_OF
from digital_human.settings import Settings

log = logging.getLogger(__name__)

RowState = State | Literal["waiting"]
"""waiting: not in the queue yet"""

INTERVAL = 0.5
_AT_A_TIME = 64
"""Rows that one look may admit or refuse, so that none of several batches holds up the others."""
_REQUEST: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)


@dataclass(frozen=True)
class Progress:
    """states: of every row, the first row first; failures: by row; running: progress of the rows that run, 0-1 each"""

    states: list[RowState]
    failures: Mapping[int, ServiceError] = field(default_factory=dict)
    running: float = 0.0

    def count(self, state: RowState) -> int:
        return self.states.count(state)

    @property
    def share(self) -> float:
        """0-1"""
        ended = sum(state not in (*OPEN, "waiting") for state in self.states)
        return (ended + self.running) / max(len(self.states), 1)


def to_record(request: JobRequest) -> dict[str, Any]:
    """A row that can be admitted, plain enough for JSON."""
    record: dict[str, Any] = {"job": _REQUEST.dump_python(request, mode="json")}
    return record


def refusal(error: ServiceError) -> dict[str, Any]:
    """A row of which no job can be made."""
    return {"refused": {"class": type(error).__name__, "message": str(error), "data": error.data}}


def progress(kept: KeptBatch) -> Progress:
    """How a batch does. Asks the database once or twice."""
    refused, cursor = kept.refused(), kept.cursor
    found = DBOS.list_workflows(name=GENERATE, workflow_id_prefix=kept.prefix, load_input=False, load_output=False)
    known: dict[int, State] = {batches.row_of(one.workflow_id): STATE_OF[one.status] for one in found}
    rest: RowState = "cancelled" if kept.is_cancelled else "waiting"
    states: list[RowState] = [
        "failed" if row in refused else known.get(row, "cancelled" if row <= cursor else rest)
        for row in range(1, kept.batch.rows + 1)
    ]
    failures, running = dict(refused), 0.0
    if "failed" in known.values():
        failed = DBOS.list_workflows(
            name=GENERATE, workflow_id_prefix=kept.prefix, status=["ERROR", GIVEN_UP], load_input=False
        )
        for one in failed:
            error = ServiceError("internal_error") if one.error is None else failure_of(one.error)
            failures[batches.row_of(one.workflow_id)] = error
    for row, state in known.items():
        if state == "running":
            reported = DBOS.get_all_events(kept.task_id(row)).get(PROGRESS) or {}
            running += float(reported.get("progress", 0.0))
    return Progress(states, failures, running)


def cancel(kept: KeptBatch, jobs: Jobs) -> None:
    """Admit no further row, and cancel those that wait or run. Raises ConflictError where it has ended already."""
    if kept.has_ended:
        raise ConflictError("batch_has_ended")
    kept.mark("cancelled")
    for task in _open_tasks(kept, jobs):
        with suppress(ConflictError, NotFoundError):
            jobs.cancel(task.id, None)


def _open_tasks(kept: KeptBatch, jobs: Jobs) -> Iterator[Task]:
    found = DBOS.list_workflows(
        name=GENERATE,
        workflow_id_prefix=kept.prefix,
        status=[name for name in STATE_OF if STATE_OF[name] in OPEN],
        load_input=False,
        load_output=False,
    )
    for status in found:
        with suppress(NotFoundError):
            yield jobs.get(status.workflow_id, None)


class Admission:
    """Puts the rows of batches into the queue, in a thread. Of several services on one folder one does so.

    submit: checks a request and queues its job
    """

    def __init__(self, settings: Settings, jobs: Jobs, submit: Callable[[JobRequest], Task]) -> None:
        self._settings = settings
        self._jobs = jobs
        self._submit = submit
        self._rows: dict[str, Iterator[tuple[int, Mapping[str, Any]]]] = {}
        self._lock: IO[bytes] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="admission", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        if self._lock is not None:
            self._lock.close()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL):
            try:
                if self._is_ours():
                    self._look()
            except (UnavailableError, OutputError, DBAPIError, OSError) as error:
                log.warning("rows of batches wait: %s", error)
            except Exception as error:
                log.error("unexpected error", exc_info=error)

    def _is_ours(self) -> bool:
        folder = batches_folder(self._settings)
        if self._lock is None and folder.exists():
            file = (folder / ".lock").open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
            else:
                self._lock = file
        return self._lock is not None

    def _look(self) -> None:
        open_ones = batches.open_batches(self._settings)
        for key in self._rows.keys() - {kept.batch.id for kept in open_ones}:
            del self._rows[key]
        for kept in open_ones:
            if kept.is_cancelled or kept.cursor >= kept.batch.rows:
                self._end(kept)
        # In turns, so that a short batch need not wait for the end of a long one.
        going = [kept for kept in open_ones if not kept.is_cancelled]
        for _ in range(_AT_A_TIME):
            going = [kept for kept in going if not self._jobs.is_stopping and self._admit(kept)]
            if not going:
                return

    def _admit(self, kept: KeptBatch) -> bool:
        """Whether a row was admitted or refused."""
        queued = self._jobs.queued_ids(fresh=True)
        ahead = sum(task_id.startswith(kept.prefix) for task_id in queued)
        if ahead >= self._settings.batch_ahead or len(queued) >= max(self._settings.max_queued // 2, 1):
            return False
        if kept.is_cancelled:
            return False
        rows = self._rows.get(kept.batch.id) or kept.rows(kept.cursor)
        self._rows[kept.batch.id] = rows
        try:
            row, record = next(rows)
        except StopIteration:
            return False
        try:
            self._take(kept, row, record)
        except BaseException:
            del self._rows[kept.batch.id]  # the row is read again
            raise
        kept.advance(row)
        if kept.is_cancelled:
            # Meanwhile; who cancelled it may not have seen this row.
            with suppress(ConflictError, NotFoundError):
                self._jobs.cancel(kept.task_id(row), None)
        return True

    def _take(self, kept: KeptBatch, row: int, record: Mapping[str, Any]) -> None:
        """Queue a row's job, or put on record why there is none. Raises what may pass."""
        try:
            if "refused" in record:
                failure = record["refused"]
                raise error_from_record(failure["class"], failure["message"], failure["data"])
            self._submit(_REQUEST.validate_python({**record["job"], "task_id": kept.task_id(row)}))
        except ServiceError as error:
            if error.transient:
                raise
            kept.refuse(row, error)
        except (DBAPIError, OSError):
            raise
        except Exception as error:
            log.error("row %d of batch %s", row, kept.batch.id, exc_info=error)
            kept.refuse(row, ServiceError("internal_error"))

    def _end(self, kept: KeptBatch) -> None:
        found = progress(kept)
        if not any(state in OPEN for state in found.states):
            counts = {state: found.count(state) for state in STATES if found.count(state)}
            log.info("batch %s has ended: %s", kept.batch.id, counts)
            kept.mark("ended")


def result_of(task_id: str) -> Path | None:
    """The video of a row that succeeded; None if the task has been removed."""
    found = DBOS.list_workflows(name=GENERATE, workflow_ids=[task_id], load_output=False)
    if not found or found[0].input is None:
        return None
    return Path(JobSpec.from_record(found[0].input["args"][0]).save)


def purge(kept: KeptBatch, jobs: Jobs) -> None:
    """Remove a batch, its tasks, and the results and reports that the service keeps of them."""
    kept.remove()
    for status in DBOS.list_workflows(
        name=GENERATE, workflow_id_prefix=kept.prefix, load_input=False, load_output=False
    ):
        with suppress(NotFoundError):
            jobs.purge(status.workflow_id, None)
