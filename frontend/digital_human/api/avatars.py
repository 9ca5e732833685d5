"""Avatars: templates that are kept by name, studied once, and named in place of a template from then on."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from digital_human import messages
from digital_human.api.auth import Caller, CallerDep, ServiceDep, require_operator, schemes
from digital_human.api.blocking import run_blocking
from digital_human.api.errors import error_responses
from digital_human.api.language import LanguageDep
from digital_human.api.models import TaskError
from digital_human.api.result_options import FaceOption, TrimBody
from digital_human.core.database_threads import in_database_thread
from digital_human.core.trim import Trim
from digital_human.errors import NotFoundError, error_from_record
from digital_human.files import avatars
from digital_human.files.avatars import SHARED, Avatar, KeptAvatar
from digital_human.files.downloads import is_url
from digital_human.files.inputs import FileInput, resolve_input
from digital_human.jobs import avatar_defaults
from digital_human.messages import Language
from digital_human.pipeline.options import RenderOptions
from digital_human.runtime.context import check_options
from digital_human.service import Service

router = APIRouter(prefix="/avatars", tags=["avatars"], dependencies=schemes)

_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}},
    **error_responses(400, 401, 404, 503),
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}},
    206: {"content": {"application/octet-stream": {}, "multipart/byteranges": {}}},
    **error_responses(400, 401, 404, 416, 503),
}


class AvatarRequest(FaceOption):
    name: str = Field(description="Letters, digits, spaces, `.`, `_` and `-`, 64 at most.", max_length=256)
    video_path: str = Field(
        description="Template: a video or a picture of a person. A path, an upload's id, or a URL. It is copied.",
        max_length=4096,
    )
    engine: str = Field("", description="For which it is studied; empty for the service's default.", max_length=64)
    voice: str = Field("", description="Who says a text where a request names no voice.", max_length=200)
    trim: TrimBody | None = Field(None, description="The part of the template that is used; null for all of it.")
    consent: str | None = Field(None, description="The person's consent, in words.", max_length=10_000)
    consent_path: str | None = Field(
        None, description="The person's consent as a file: a path or an upload's id. It is copied.", max_length=4096
    )
    shared: bool = Field(False, description="Whether every caller may use it. Operators only.")
    mode: Literal["async", "sync"] = Field("async", description="sync answers when it has been studied.")

    def render_options(self) -> RenderOptions:
        """Those that the template is studied with, and that hold where a request names none."""
        trim = None if self.trim is None else Trim(self.trim.start, self.trim.end)
        return RenderOptions(engine=self.engine, face=self.face_choice(), trim=trim)

    def defaults(self) -> dict[str, Any]:
        """As `Avatar.defaults`."""
        return avatar_defaults.to_record(self.voice, replace(self.render_options(), engine=""))


class Warned(BaseModel):
    warning: str = Field(description="The message's name, the same in every language.")
    message: str = Field(description="In English, or in Chinese if `Accept-Language` prefers it.")


class AvatarView(BaseModel):
    name: str
    state: Literal["studying", "ready", "failed"]
    progress: float = Field(description="Of the study, 0-1.")
    error: TaskError | None = Field(None, description="Why it cannot be used.")
    shared: bool = Field(description="Whether every caller may use it.")
    created: datetime
    video_path: str = Field(description="As it was given.")
    engine: str
    voice: str
    options: dict[str, Any] = Field(description="Options that hold where a request names none, such as `face`.")
    consent: str | None
    consent_file: str | None = Field(description="Address of the file with the person's consent.")
    thumbnail: str | None = Field(description="Address of its picture.")
    width: int | None = None
    height: int | None = None
    fps: str | None = None
    frames: int | None = None
    seconds: float | None = None
    face_width: int | None = Field(None, description="From ear to ear, pixels, over its frames.")
    frames_without_face: int | None = None
    frames_covered: int | None = Field(None, description="In which something hides part of the lips.")
    mouth: Literal["talking", "closed", "picture"] | None = None
    cuts: int | None = None
    hdr: str | None = Field(None, description="HLG or PQ where its colours are converted from HDR.")
    warnings: list[Warned] = Field(default_factory=list, description="What the video will suffer from.")

    @staticmethod
    def of(kept: KeptAvatar, progress: float, language: Language) -> AvatarView:
        avatar, study = kept.avatar, kept.study or {}
        error, here = study.get("error"), f"/avatars/{quote(avatar.name)}"
        return AvatarView(
            name=avatar.name,
            state="studying" if not study else "failed" if error else "ready",
            progress=progress,
            error=error and TaskError.of(error_from_record(error["class"], error["message"], error["data"]), language),
            shared=avatar.owner == SHARED,
            created=datetime.fromtimestamp(avatar.created, timezone.utc),
            video_path=avatar.source,
            engine=avatar.engine,
            voice=avatar.defaults.get("voice", ""),
            options=dict(avatar.defaults.get("options", {})),
            consent=avatar.consent,
            consent_file=f"{here}/consent" if avatar.consent_file else None,
            thumbnail=f"{here}/thumbnail" if kept.thumbnail.is_file() else None,
            warnings=[
                Warned(warning=name, message=messages.text(name, params, language))
                for name, params in study.get("warnings", ())
            ],
            **study.get("facts", {}),
        )


class AvatarResponse(BaseModel):
    code: int = 200
    message: str = "success"
    data: AvatarView


class Avatars(BaseModel):
    avatars: list[AvatarView]


class AvatarsResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: Avatars


@router.post(
    "",
    status_code=202,
    response_model=AvatarResponse,
    responses={
        201: {"model": AvatarResponse, "description": "Studied (mode sync)"},
        **error_responses(400, 401, 403, 404, 409, 413, 503, 507),
    },
)
async def make(
    body: AvatarRequest,
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    language: LanguageDep,
    response: Response,
) -> AvatarResponse:
    """Keep a template by name, and study it. One of that name whose study failed is replaced."""
    if body.shared:
        require_operator(request, caller)
    await run_blocking(service.jobs.require_database)
    # Copying takes as long as it takes, and an avatar that is kept must be studied.
    kept = await asyncio.to_thread(_keep, body, caller, service)
    await asyncio.wrap_future(in_database_thread(service.jobs.studies.begin, kept))
    response.headers["Location"] = f"/avatars/{quote(kept.avatar.name)}"
    if body.mode == "async":
        return AvatarResponse(code=202, message="accepted", data=AvatarView.of(kept, 0.0, language))
    await service.jobs.ended(kept.avatar.id)
    kept = await run_blocking(avatars.by_id, kept.avatar.id, service.settings)
    if kept.study and (failure := kept.study.get("error")):
        await run_blocking(service.jobs.studies.remove, kept)
        raise error_from_record(failure["class"], failure["message"], failure["data"])
    response.status_code = 201
    return AvatarResponse(code=201, data=AvatarView.of(kept, 1.0, language))


@router.get("", responses=error_responses(401, 503))
async def list_avatars(service: ServiceDep, caller: CallerDep, language: LanguageDep) -> AvatarsResponse:
    """The caller's avatars and the shared ones, by name."""

    def views() -> list[AvatarView]:
        found = avatars.every(service.settings, caller.owner)
        return [AvatarView.of(kept, service.jobs.studies.progress(kept), language) for kept in found]

    return AvatarsResponse(data=Avatars(avatars=await run_blocking(views)))


@router.get("/{name}", responses=error_responses(400, 401, 404, 503))
async def get_avatar(name: str, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> AvatarResponse:
    """State, figures and warnings of one avatar."""
    kept = await run_blocking(avatars.find, name, caller.owner, service.settings)
    progress = await run_blocking(service.jobs.studies.progress, kept)
    return AvatarResponse(data=AvatarView.of(kept, progress, language))


@router.delete("/{name}", responses=error_responses(400, 401, 403, 404, 409, 503, 507))
async def delete_avatar(
    name: str, request: Request, service: ServiceDep, caller: CallerDep, language: LanguageDep
) -> AvatarResponse:
    """Remove an avatar, its files and what was found out about it. 409 while a task needs it."""
    kept = await run_blocking(avatars.find, name, caller.owner, service.settings)
    if kept.avatar.owner != caller.owner:
        require_operator(request, caller)
    view = AvatarView.of(kept, await run_blocking(service.jobs.studies.progress, kept), language)
    await run_blocking(service.jobs.studies.remove, kept)
    return AvatarResponse(data=view)


@router.get("/{name}/thumbnail", response_class=FileResponse, responses=_JPEG)
async def thumbnail(name: str, service: ServiceDep, caller: CallerDep) -> FileResponse:
    """A small picture of it; there once it has been studied."""
    kept = await run_blocking(avatars.find, name, caller.owner, service.settings)
    return _file(kept.thumbnail, "image/jpeg")


@router.get("/{name}/consent", response_class=FileResponse, responses=_FILE)
async def consent(name: str, service: ServiceDep, caller: CallerDep) -> FileResponse:
    """The file with the person's consent."""
    kept = await run_blocking(avatars.find, name, caller.owner, service.settings)
    return _file(kept.consent, "application/octet-stream", kept.avatar.consent_file)


def _file(path: Path, kind: str, name: str | None = None) -> FileResponse:
    if not path.is_file():
        raise NotFoundError("avatar_has_no_such_file")
    return FileResponse(path, media_type=kind, filename=name, headers={"Cache-Control": "private, no-cache"})


def _keep(body: AvatarRequest, caller: Caller, service: Service) -> KeptAvatar:
    """Check the request and copy its files."""
    settings = service.settings
    name = avatars.checked_name(body.name)
    options = check_options(body.render_options(), settings, service.engines)
    service.require_engine(options.engine)
    given = resolve_input(body.video_path, "video_path", caller.owner, settings)
    consent = None
    if body.consent_path is not None:
        found = resolve_input(body.consent_path, "consent_path", caller.owner, settings)
        if not isinstance(found, FileInput):
            raise NotFoundError("file_not_found", field="consent_path")
        consent = found.path
    avatar = Avatar(
        id=str(uuid.uuid4()),
        name=name,
        owner=SHARED if body.shared else caller.owner,
        created=time.time(),
        source=body.video_path,
        url=body.video_path if is_url(body.video_path) else None,
        engine=options.engine,
        defaults=body.defaults(),
        consent=body.consent,
        consent_file=None if consent is None else "consent" + Path(body.consent_path or "").suffix,
    )
    return avatars.keep(avatar, given.path if isinstance(given, FileInput) else None, consent, settings)
