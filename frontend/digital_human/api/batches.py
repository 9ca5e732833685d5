"""Batches: many videos from one request."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from digital_human.api.auth import Caller, CallerDep, ServiceDep, schemes
from digital_human.api.batch_archive import Line, archive
from digital_human.api.batch_requests import file_name, keep_sheet
from digital_human.api.batch_views import Batches, BatchesResponse, BatchResponse, BatchView
from digital_human.api.blocking import run_blocking
from digital_human.api.bodies import require_shallow
from digital_human.api.errors import error_responses
from digital_human.api.language import LanguageDep
from digital_human.api.models import TaskError
from digital_human.errors import BadInputError, ConflictError, KeyReusedError, NotFoundError, TooLargeError
from digital_human.files import batches
from digital_human.files.atomic import OWN_FOLDER, disk_errors
from digital_human.files.batch_rows import KINDS, Kind
from digital_human.files.batches import Batch, KeptBatch, batches_folder
from digital_human.jobs import batches as jobs_batches
from digital_human.jobs.batches import Progress
from digital_human.messages import Language
from digital_human.settings import Settings

router = APIRouter(prefix="/human/batches", tags=["batches"], dependencies=schemes)

_ROWS: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["rows"], "properties": {"rows": _ROWS}}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}


@router.post(
    "",
    status_code=202,
    response_model=BatchResponse,
    responses=error_responses(400, 401, 413, 422, 503, 507),
    openapi_extra=_BODY,
)
async def make(
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    language: LanguageDep,
    response: Response,
    name: Annotated[str, Query(max_length=200, description="What the batch is called.")] = "",
    save_path: Annotated[
        str | None, Query(max_length=4096, description="Where results go: `{row}` and `{name}` are filled in.")
    ] = None,
    defaults: Annotated[
        str | None, Query(max_length=65536, description="JSON: fields that hold for rows without them.")
    ] = None,
    idempotency_key: Annotated[
        str | None, Header(max_length=256, description="The same key again gives the same batch, not a second one.")
    ] = None,
) -> BatchResponse:
    """Make many videos: JSON (`{"rows": [...]}`), JSON Lines or CSV, one row a video.

    A JSON body may name `name`, `save_path` and `defaults` itself. Rows that cannot be used do not hinder the others.
    """
    kind = _kind(request.headers.get("Content-Type", ""))
    head = {"name": name, "save_path": save_path, "defaults": _object(defaults)}
    batch_id = batches.new_id(caller.owner, idempotency_key if (idempotency_key or "").strip() else None)
    body = batches_folder(service.settings) / f"{uuid.uuid4().hex}.body"
    try:
        digest = await _receive(request, body, service.settings, repr(sorted(head.items())))
        kept = await asyncio.to_thread(_keep, body, kind, head, batch_id, digest, caller, service.settings)
    finally:
        body.unlink(missing_ok=True)
    response.headers["Location"] = f"/human/batches/{kept.batch.id}"
    view = await run_blocking(_view, kept, language)
    return BatchResponse(code=202, message="accepted", data=view)


@router.get("", responses=error_responses(400, 401, 503))
async def list_batches(
    service: ServiceDep, caller: CallerDep, language: LanguageDep, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> BatchesResponse:
    """The caller's batches, newest first; an operator's key sees all of them."""

    def views() -> list[BatchView]:
        return [_view(kept, language) for kept in batches.every(service.settings, caller.sees)[:limit]]

    return BatchesResponse(data=Batches(batches=await run_blocking(views)))


@router.get("/{batch_id}", responses=error_responses(400, 401, 404, 503))
async def get_batch(batch_id: str, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> BatchResponse:
    """Counts, progress, and the rows that failed with their reasons."""
    kept = await run_blocking(batches.find, batch_id, caller.sees, service.settings)
    return BatchResponse(data=await run_blocking(_view, kept, language))


@router.delete("/{batch_id}", responses=error_responses(400, 401, 404, 409, 503, 507))
async def delete_batch(
    batch_id: str,
    service: ServiceDep,
    caller: CallerDep,
    language: LanguageDep,
    purge: Annotated[
        bool, Query(description="Remove the batch, its tasks and the results that are kept, too.")
    ] = False,
) -> BatchResponse:
    """Cancel what is not done yet. 409 where the batch has ended, unless it is to be removed."""
    kept = await run_blocking(batches.find, batch_id, caller.sees, service.settings)
    if not (purge and kept.has_ended):
        await asyncio.to_thread(jobs_batches.cancel, kept, service.jobs)
    view = await run_blocking(_view, kept, language)
    if purge:
        await asyncio.to_thread(jobs_batches.purge, kept, service.jobs)
    return BatchResponse(data=view)


@router.get(
    "/{batch_id}/rows",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
        **error_responses(400, 401, 404, 503),
    },
)
async def get_rows(batch_id: str, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> StreamingResponse:
    """Every row as a line of JSON: `row`, `name`, `state`, `task_id`, `save_path` and `error`."""
    kept = await run_blocking(batches.find, batch_id, caller.sees, service.settings)
    progress = await run_blocking(jobs_batches.progress, kept)

    def lines() -> Iterator[str]:
        for row, record in kept.rows():
            failure = progress.failures.get(row)
            view = {
                "row": row,
                "name": record["name"],
                "state": progress.states[row - 1],
                "task_id": kept.task_id(row) if "job" in record else None,
                "save_path": record.get("job", {}).get("save"),
                "error": None if failure is None else TaskError.of(failure, language).model_dump(),
            }
            yield json.dumps(view, ensure_ascii=False) + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@router.get(
    "/{batch_id}/results",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}},
        **error_responses(400, 401, 404, 409, 503),
    },
)
async def get_results(
    batch_id: str, service: ServiceDep, caller: CallerDep, language: LanguageDep
) -> StreamingResponse:
    """The videos that are done, in one ZIP, with a report of all rows. 409 while there is none."""
    kept = await run_blocking(batches.find, batch_id, caller.sees, service.settings)
    progress = await run_blocking(jobs_batches.progress, kept)
    if not progress.count("succeeded"):
        raise ConflictError("batch_has_no_result")
    name = file_name(kept.batch.name) or f"batch-{kept.batch.id[:8]}"
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}.zip"}
    lines = _lines(kept, progress, language)
    return StreamingResponse(archive(lines, service.settings), media_type="application/zip", headers=headers)


def _lines(kept: KeptBatch, progress: Progress, language: Language) -> Iterator[Line]:
    for row, record in kept.rows():
        state, failure, job = progress.states[row - 1], progress.failures.get(row), record.get("job")
        path = None
        if job is not None and state == "succeeded":
            path = jobs_batches.result_of(kept.task_id(row))
        yield Line(
            row=row,
            name=record["name"],
            state=state,
            file=f"{row:04d}-{file_name(record['name'])}".rstrip("-") + (path.suffix if path else ""),
            task_id=kept.task_id(row) if job is not None else "",
            error="" if failure is None else failure.text(language),
            path=path,
        )


def _view(kept: KeptBatch, language: Language) -> BatchView:
    return BatchView.of(kept, jobs_batches.progress(kept), language)


def _kind(content_type: str) -> Kind:
    kind = KINDS.get(content_type.partition(";")[0].strip().lower())
    if kind is None:
        raise BadInputError("batch_type_unknown", types=", ".join(sorted(KINDS)))
    return kind


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        require_shallow(text.encode("utf-8", "replace"))
        found = json.loads(text)
    except ValueError as error:
        raise BadInputError("field_invalid", field="defaults", reason=str(error)) from error
    if not isinstance(found, dict):
        raise BadInputError("field_invalid", field="defaults", reason="no JSON object")
    return found


async def _receive(request: Request, path: Path, settings: Settings, said: str) -> str:
    """Write the body to a file. Returns a digest of it and of what was said beside it. Raises TooLargeError."""
    digest, size = hashlib.sha256(said.encode("utf-8", "replace")), 0
    with disk_errors(OWN_FOLDER):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            async for block in request.stream():
                size += len(block)
                if size > settings.max_batch_bytes:
                    raise TooLargeError("body_too_large", size=settings.max_batch_bytes)
                digest.update(block)
                await asyncio.to_thread(file.write, block)
    return digest.hexdigest()


def _keep(
    body: Path, kind: Kind, head: dict[str, Any], batch_id: str, digest: str, caller: Caller, settings: Settings
) -> KeptBatch:
    try:
        known = batches.find(batch_id, caller.owner, settings)
    except NotFoundError:
        pass
    else:
        if known.batch.digest != digest:
            raise KeyReusedError("key_reused")
        return known
    if kind == "json":
        require_shallow(body.read_bytes())
    return keep_sheet(body, kind, head, Batch(batch_id, caller.owner, "", time.time(), 0, digest), settings)
