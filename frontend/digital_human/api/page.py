"""The page for people, and the little that only it asks for: pictures, templates and reports of tasks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.background import BackgroundTask

from digital_human.api.auth import CallerDep, ServiceDep, schemes
from digital_human.api.blocking import run_blocking
from digital_human.api.errors import error_responses
from digital_human.errors import NotFoundError
from digital_human.files.downloads import is_url
from digital_human.files.sandbox import by_descriptor, open_file
from digital_human.pipeline import report
from digital_human.resources import bundled

FOLDER = Path(__file__).resolve().parents[1] / "page"

# Nothing is loaded from elsewhere, and nobody else's page may frame this one.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}},
    **error_responses(400, 401, 404, 503),
}

router = APIRouter(tags=["page"], dependencies=schemes)


class Options(BaseModel):
    engine: str
    mark_is_mandatory: bool


class OptionsResponse(BaseModel):
    code: int = 200
    message: str = "success"
    data: Options


def add_page(app: FastAPI) -> None:
    """Serve the page at / and its files below /page."""
    if bundled("samples").is_dir():
        app.mount("/page/example", StaticFiles(directory=bundled("samples")), name="example")
    app.mount("/page", StaticFiles(directory=FOLDER), name="page")

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
        return FileResponse(FOLDER / "index.html", headers=headers)


@router.get("/human/options", responses=error_responses(401))
async def options(service: ServiceDep, caller: CallerDep) -> OptionsResponse:
    """What holds for a request that names nothing else."""
    settings = service.settings
    return OptionsResponse(data=Options(engine=settings.engine, mark_is_mandatory=settings.require_visible_mark))


@router.get("/human/tasks/{task_id}/picture", response_class=FileResponse, responses=_PICTURE)
async def picture(task_id: str, service: ServiceDep, caller: CallerDep) -> FileResponse:
    """A small picture of the task's template; there once the task has been prepared, and for a while."""
    task = await run_blocking(service.jobs.get, task_id, caller.sees)
    return _kept(report.picture_path(service.settings, task.id), "image/jpeg")


@router.get("/human/tasks/{task_id}/report", responses=error_responses(400, 401, 404, 503))
async def get_report(task_id: str, service: ServiceDep, caller: CallerDep) -> Any:
    """What the models made of the job: waveform, opening of the mouth, place of the face, over time."""
    task = await run_blocking(service.jobs.get, task_id, caller.sees)
    return _kept(report.report_path(service.settings, task.id), "application/json")


@router.get(
    "/human/tasks/{task_id}/template", response_class=FileResponse, responses=error_responses(400, 401, 404, 503)
)
async def template(task_id: str, service: ServiceDep, caller: CallerDep) -> FileResponse:
    """The template as it was given, to be seen beside the result."""
    task = await run_blocking(service.jobs.get, task_id, caller.sees)
    if is_url(task.spec.video):
        raise NotFoundError("template_not_kept")
    opened = open_file(Path(task.spec.video), service.settings.roots, "video_path")
    try:
        descriptor = await asyncio.to_thread(opened.__enter__)
    except OSError as error:
        raise NotFoundError("template_unreadable") from error
    end = BackgroundTask(opened.__exit__, None, None, None)
    return FileResponse(by_descriptor(descriptor), media_type="video/mp4", background=end)


def _kept(path: Path, kind: str) -> FileResponse:
    if not path.is_file():
        raise NotFoundError("report_not_found")
    return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, max-age=3600"})
