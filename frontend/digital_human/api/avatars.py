"""Avatars: templates that are kept by name, studied once, and named in place of a template from then on."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import Field

from digital_human.api.auth import Caller, CallerDep, ServiceDep, may_operate, require_operator, schemes
from digital_human.api.avatar_views import AvatarResponse, Avatars, AvatarsResponse, AvatarView, Reader
from digital_human.api.blocking import run_blocking
from digital_human.api.errors import error_responses
from digital_human.api.language import LanguageDep
from digital_human.api.result_options import FaceOption, TrimBody
from digital_human.core.trim import Trim
from digital_human.errors import ForbiddenError, NotFoundError, QueueFullError, error_from_record
from digital_human.files import avatars
from digital_human.files.avatars import SHARED, Avatar, KeptAvatar
from digital_human.files.downloads import is_url
from digital_human.files.inputs import FileInput, resolve_input
from digital_human.jobs import avatar_defaults
from digital_human.jobs.database_threads import in_database_thread
from digital_human.pipeline.options import RenderOptions
from digital_human.runtime.context import check_options
from digital_human.service import Service

router = APIRouter(prefix="/avatars", tags=["avatars"], dependencies=schemes)

_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}},
    **error_responses(400, 401, 403, 404, 503),
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}},
    206: {"content": {"application/octet-stream": {}, "multipart/byteranges": {}}},
    **error_responses(400, 401, 403, 404, 416, 503),
}


def _reader(request: Request, caller: CallerDep, language: LanguageDep) -> Reader:
    return Reader(caller.owner, may_operate(request, caller), language)


async def _named(
    name: str,
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    owner: Annotated[
        str | None,
        Query(
            pattern="^[0-9a-z]{1,64}$", description="Whose it is, where it is another's: `shared`, or for operators."
        ),
    ] = None,
) -> KeptAvatar:
    """The avatar that a call names."""
    if owner is None:
        return await run_blocking(avatars.find, name, caller.owner, service.settings)
    if owner not in (caller.owner, SHARED):
        require_operator(request, caller)
    return await run_blocking(avatars.find_of, name, owner, service.settings)


ReaderDep = Annotated[Reader, Depends(_reader)]
Named = Annotated[KeptAvatar, Depends(_named)]


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


@router.post(
    "",
    status_code=202,
    response_model=AvatarResponse,
    responses={
        201: {"model": AvatarResponse, "description": "Studied (mode sync)"},
        **error_responses(400, 401, 403, 404, 409, 413, 429, 503, 507),
    },
)
async def make(
    body: AvatarRequest,
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    reader: ReaderDep,
    response: Response,
) -> AvatarResponse:
    """Keep a template by name, and study it. One of that name whose study failed is replaced."""
    if body.shared:
        require_operator(request, caller)
    await run_blocking(service.jobs.require_room)
    # Copying takes as long as it takes, and an avatar that is kept must be studied.
    kept = await asyncio.to_thread(_keep, body, caller, service)
    try:
        await asyncio.wrap_future(in_database_thread(service.jobs.begin_study, kept))
    except QueueFullError:
        await asyncio.to_thread(avatars.remove, kept)
        raise
    response.headers["Location"] = f"/avatars/{quote(kept.avatar.name)}"
    if body.mode == "async":
        return AvatarResponse(code=202, message="accepted", data=AvatarView.of(kept, 0.0, reader))
    await service.jobs.ended(kept.avatar.id)
    kept = await run_blocking(avatars.by_id, kept.avatar.id, service.settings)
    if kept.study and (failure := kept.study.get("error")):
        await run_blocking(service.jobs.studies.remove, kept)
        raise error_from_record(failure["class"], failure["message"], failure["data"])
    response.status_code = 201
    return AvatarResponse(code=201, data=AvatarView.of(kept, 1.0, reader))


@router.get("", responses=error_responses(400, 401, 403, 503))
async def list_avatars(
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    reader: ReaderDep,
    everybody: Annotated[bool, Query(alias="all", description="Those of every owner. Operators only.")] = False,
) -> AvatarsResponse:
    """The caller's avatars and the shared ones, by name."""
    if everybody:
        require_operator(request, caller)

    def views() -> list[AvatarView]:
        found = avatars.every(service.settings, None if everybody else caller.owner)
        return [AvatarView.of(kept, service.jobs.studies.progress(kept), reader) for kept in found]

    return AvatarsResponse(data=Avatars(avatars=await run_blocking(views)))


@router.get("/{name}", responses=error_responses(400, 401, 403, 404, 503))
async def get_avatar(kept: Named, service: ServiceDep, reader: ReaderDep) -> AvatarResponse:
    """State, figures and warnings of one avatar."""
    progress = await run_blocking(service.jobs.studies.progress, kept)
    return AvatarResponse(data=AvatarView.of(kept, progress, reader))


@router.delete("/{name}", responses=error_responses(400, 401, 403, 404, 409, 503, 507))
async def delete_avatar(
    kept: Named, request: Request, service: ServiceDep, caller: CallerDep, reader: ReaderDep
) -> AvatarResponse:
    """Remove an avatar, its files and what was found out about it. 409 while a task needs it."""
    if kept.avatar.owner != caller.owner:
        require_operator(request, caller)
    view = AvatarView.of(kept, await run_blocking(service.jobs.studies.progress, kept), reader)
    await run_blocking(service.jobs.studies.remove, kept)
    return AvatarResponse(data=view)


@router.get("/{name}/thumbnail", response_class=FileResponse, responses=_JPEG)
async def thumbnail(kept: Named) -> FileResponse:
    """A small picture of it; there once it has been studied."""
    return _file(kept.thumbnail, "image/jpeg")


@router.get("/{name}/consent", response_class=FileResponse, responses=_FILE)
async def consent(kept: Named, reader: ReaderDep) -> FileResponse:
    """The file with the person's consent; that of a shared avatar is for operators alone."""
    if not reader.sees_consent(kept.avatar):
        raise ForbiddenError("operators_only")
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
