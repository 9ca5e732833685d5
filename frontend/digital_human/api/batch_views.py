"""What callers see of a batch."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Literal

from pydantic import BaseModel, Field

from digital_human.api.models import TaskError
from digital_human.files.batches import KeptBatch
from digital_human.jobs.batches import Progress, RowState
from digital_human.messages import Language

_LISTED = 100
"""Failures that the batch itself lists; `rows` has all of them."""
_STATES: tuple[RowState, ...] = ("waiting", "queued", "running", "succeeded", "failed", "cancelled")


class RowFailure(BaseModel):
    row: int
    name: str
    task_id: str | None = Field(description="Null where no job could be made of the row.")
    error: TaskError


class BatchView(BaseModel):
    batch_id: str
    owner: str = Field(description="By what its maker's key is known: for operators.")
    name: str
    state: Literal["open", "ended", "cancelled"]
    created: datetime
    rows: int
    counts: dict[str, int] = Field(
        description="Rows by state: `waiting` for a place in the queue, `queued`, `running`, `succeeded`, `failed`, "
        "`cancelled`."
    )
    progress: float = Field(description="0-1")
    failures: list[RowFailure] = Field(description=f"The first {_LISTED} rows that failed, and why.")

    @staticmethod
    def of(kept: KeptBatch, progress: Progress, language: Language) -> BatchView:
        batch = kept.batch
        listed = sorted(progress.failures)[:_LISTED]
        names = {row: record["name"] for row, record in kept.rows() if row in listed} if listed else {}
        refused = kept.refused() if listed else {}
        return BatchView(
            batch_id=batch.id,
            owner=batch.owner,
            name=batch.name,
            state="cancelled" if kept.is_cancelled else "ended" if kept.has_ended else "open",
            created=datetime.fromtimestamp(batch.created, timezone.utc),
            rows=batch.rows,
            counts={state: progress.count(state) for state in _STATES},
            progress=round(progress.share, 4),
            failures=[
                RowFailure(
                    row=row,
                    name=names.get(row, ""),
                    task_id=None if row in refused else kept.task_id(row),
                    error=TaskError.of(progress.failures[row], language),
                )
                for row in listed
            ],
        )


class BatchResponse(BaseModel):
    code: int = 200
    message: str = "success"
    data: BatchView


class Batches(BaseModel):
    batches: list[BatchView]


class BatchesResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: Batches
