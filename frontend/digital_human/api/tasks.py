"""Tasks: get, list, cancel, follow, fetch the result."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import FileResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from digital_human.api.auth import CallerDep, ServiceDep, schemes
from digital_human.api.blocking import run_blocking
from digital_human.api.errors import error_responses
from digital_human.api.language import LanguageDep
from digital_human.api.models import TaskPage, TaskResponse, TasksResponse, TaskView
from digital_human.core.states import State
from digital_human.errors import BadInputError, ConflictError, NotFoundError, UnavailableError
from digital_human.files.names import file_name
from digital_human.files.sandbox import by_descriptor, open_file
from digital_human.jobs.models import Task
from digital_human.jobs.queue import Jobs
from digital_human.messages import Language
from digital_human.settings import Settings
from digital_human.subtitles.kinds import FILES, subtitle_path

router = APIRouter(prefix="/human/tasks", tags=["tasks"], dependencies=schemes)

_LOOK = 0.5
_SIGN_OF_LIFE = 15.0
_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}
_RANGE = re.compile(r"bytes=(\d{1,18}-\d{0,18}|-\d{1,18})(,\s*(\d{1,18}-\d{0,18}|-\d{1,18})){0,15}", re.ASCII)
_SAID = 60
"""Letters of a text that name its video."""
_MAX_OFFSET = 10_000_000

_VIDEO: dict[str, Any] = {media: {"schema": {"type": "string", "format": "binary"}} for media in set(_TYPES.values())}
_SUBTITLE_TYPES = {"srt": "application/x-subrip", "vtt": "text/vtt"}
_SUBTITLES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {"schema": {"type": "string"}} for media in _SUBTITLE_TYPES.values()}},
    **error_responses(400, 401, 404, 409, 503),
}
_RESULT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The video", "content": _VIDEO},
    206: {"description": "A part of it", "content": {**_VIDEO, "multipart/byteranges": {}}},
    **error_responses(400, 401, 404, 409, 416, 503),
}


@router.get("", responses=error_responses(400, 401, 503))
async def list_tasks(
    service: ServiceDep,
    caller: CallerDep,
    language: LanguageDep,
    state: Annotated[State | None, Query(description="Only these.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=_MAX_OFFSET)] = 0,
) -> TasksResponse:
    """The caller's tasks, newest first; an operator's key sees all of them."""
    tasks = await run_blocking(service.jobs.page, caller.sees, state, limit + 1, offset)
    page = TaskPage(
        tasks=[TaskView.of(task, language) for task in tasks[:limit]],
        next_offset=offset + limit if len(tasks) > limit else None,
    )
    return TasksResponse(data=page)


@router.get("/{task_id}", responses=error_responses(400, 401, 404, 503))
async def get_task(task_id: str, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> TaskResponse:
    """State, stage, progress, place in the queue, error and timings of one task."""
    task = await run_blocking(service.jobs.get, task_id, caller.sees)
    return TaskResponse(data=TaskView.of(task, language))


@router.delete("/{task_id}", responses=error_responses(400, 401, 404, 409, 503))
async def cancel_task(
    task_id: str,
    service: ServiceDep,
    caller: CallerDep,
    language: LanguageDep,
    purge: Annotated[bool, Query(description="Remove the task and the result that is kept, even if it ended.")] = False,
) -> TaskResponse:
    """Stop a task that waits or runs; nothing of it is left. 409 where it has ended already, unless it is removed."""
    end = service.jobs.purge if purge else service.jobs.cancel
    task = await run_blocking(end, task_id, caller.sees)
    return TaskResponse(data=TaskView.of(task, language))


_EVENT = {
    "type": "object",
    "properties": {"event": {"const": "task"}, "data": {"type": "string", "description": "The task as JSON."}},
}


@router.get(
    "/{task_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: `task`, with the task as JSON, at every change; the last one has ended",
            "content": {"text/event-stream": {"schema": _EVENT}},
        },
        **error_responses(400, 401, 404, 503),
    },
)
async def follow_task(task_id: str, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> StreamingResponse:
    """Follow a task to its end."""
    task = await run_blocking(service.jobs.get, task_id, caller.sees)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(task, service.jobs, language), media_type="text/event-stream", headers=headers)


@router.get("/{task_id}/result", response_class=FileResponse, responses=_RESULT)
async def get_result(
    task_id: str,
    service: ServiceDep,
    caller: CallerDep,
    wanted: Annotated[str | None, Header(alias="Range", description="Parts of the file, for players.")] = None,
) -> FileResponse:
    """The video. 409 while there is none yet; the task says why."""
    task = await run_blocking(service.jobs.get, task_id, caller.sees)
    if task.state != "succeeded":
        raise ConflictError("task_has_no_result", state=task.state)
    with ExitStack() as opened:
        descriptor = await asyncio.to_thread(_open_result, task, service.settings, opened)
        _check_range(wanted, os.fstat(descriptor).st_size)
        save = Path(task.spec.save)
        name = _file_name(task) + save.suffix if task.spec.kept else save.name
        kind = _TYPES[save.suffix.lower()]
        background = BackgroundTask(opened.pop_all().close)
        return FileResponse(by_descriptor(descriptor), media_type=kind, filename=name, background=background)


def _file_name(task: Task) -> str:
    """Without its suffix: as the task is called, or the speech, or what it says, made fit for every file system."""
    said = task.spec.spoken.text[:_SAID] if task.spec.spoken is not None else ""
    called = task.spec.title or Path(task.spec.names.get("audio_path", "")).stem or said
    return file_name(called) or task.id


@router.get("/{task_id}/subtitles", response_class=FileResponse, responses=_SUBTITLES)
async def get_subtitles(task_id: str, service: ServiceDep, caller: CallerDep) -> FileResponse:
    """The file of subtitles, where a task was to make one. 409 while there is none yet."""
    task = await run_blocking(service.jobs.get, task_id, caller.sees)
    kind = task.spec.options.subtitles
    if kind not in FILES:
        raise NotFoundError("task_has_no_subtitles")
    if task.state != "succeeded":
        raise ConflictError("task_has_no_result", state=task.state)
    path = subtitle_path(Path(task.spec.save), kind)
    with ExitStack() as opened:
        descriptor = await asyncio.to_thread(_open, path, service.settings, opened)
        name = f"{task.id}{path.suffix}" if task.spec.kept else path.name
        background = BackgroundTask(opened.pop_all().close)
        return FileResponse(
            by_descriptor(descriptor), media_type=_SUBTITLE_TYPES[kind], filename=name, background=background
        )


def _open_result(task: Task, settings: Settings, opened: ExitStack) -> int:
    descriptor = _open(Path(task.spec.save), settings, opened)
    if task.result is None or os.fstat(descriptor).st_size != task.result["bytes"]:
        raise NotFoundError("result_overwritten")
    return descriptor


def _open(path: Path, settings: Settings, opened: ExitStack) -> int:
    try:
        return opened.enter_context(open_file(path, settings.roots, "result"))
    except OSError as error:
        raise NotFoundError("result_unreadable") from error


def _check_range(wanted: str | None, size: int) -> None:
    if wanted is None:
        return
    if not _RANGE.fullmatch(wanted):
        raise BadInputError("range_malformed")
    for part in wanted.removeprefix("bytes=").split(","):
        first, _, last = part.strip().partition("-")
        start = int(first) if first else size - int(last)
        if start >= size or (first and last and int(last) < start):
            raise HTTPException(416, "Range: lies outside the file", {"Content-Range": f"bytes */{size}"})


async def _events(task: Task, jobs: Jobs, language: Language) -> AsyncIterator[str]:
    last, quiet = "", 0.0
    while True:
        view = TaskView.of(task, language).model_dump_json()
        if view != last:
            last, quiet = view, 0.0
            yield f"event: task\ndata: {view}\n\n"
        elif quiet >= _SIGN_OF_LIFE:
            quiet = 0.0
            yield ": still here\n\n"
        if task.has_ended or jobs.is_stopping:
            return
        await asyncio.sleep(_LOOK)
        quiet += _LOOK
        with suppress(UnavailableError):
            task = await run_blocking(jobs.get, task.id, None)
