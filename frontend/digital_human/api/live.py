"""/live/sessions: begin, list, look at and end live sessions. `api.live_socket` is how they are spoken to."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field

from digital_human.api.auth import Caller, CallerDep, ServiceDep, schemes
from digital_human.api.errors import error_responses
from digital_human.api.language import language_of
from digital_human.api.live_push_models import PushRequest, PushView
from digital_human.engines.base import STRENGTHS
from digital_human.engines.live import LiveEngine
from digital_human.errors import BadInputError
from digital_human.files.avatars import PREFIX as AVATAR
from digital_human.files.inputs import FileInput, resolve_input
from digital_human.live.messages import Idle
from digital_human.live.session import LiveOptions, LiveSession, State
from digital_human.pipeline.options import RenderOptions
from digital_human.provenance import implicit_label
from digital_human.runtime.context import check_options
from digital_human.service import Service

router = APIRouter(prefix="/live/sessions", tags=["live"], dependencies=schemes)

SessionId = Annotated[str, PathParameter(max_length=200)]


class LiveRequest(BaseModel):
    video_path: str | None = Field(
        None, description="Template: a video or a picture of a person. A path, or an upload's id.", max_length=4096
    )
    avatar: str | None = Field(
        None, description="In place of `video_path`: the name of an avatar, see `/avatars`.", max_length=256
    )
    engine: str = Field("", description="How to lip-sync; empty for the service's default.", max_length=64)
    sample_rate: int = Field(16_000, ge=8000, le=48_000, description="Hz, of the speech that will be sent.")
    idle: Idle = Field("loop", description="Whether the person moves on while nobody speaks.")
    mouth_strength: float = Field(
        1.0, ge=STRENGTHS[0], le=STRENGTHS[1], description="How far the mouth opens: less mumbles, more articulates."
    )
    push: PushRequest | None = Field(None, description="Where the session is sent to from its beginning.")
    digital_auth: Literal[0, 1] = Field(0, description="1 lays the digital-human mark over the upper right corner.")

    def template(self) -> str:
        """As `resolve_input` takes it. Raises BadInputError unless exactly one is given."""
        if self.avatar is not None:
            if self.video_path is not None:
                raise BadInputError("field_not_both", field="avatar", other="video_path")
            return AVATAR + self.avatar
        if self.video_path is None:
            raise BadInputError("field_missing", field="video_path")
        return self.video_path


class Latency(BaseModel):
    first_picture_p50: float | None = Field(None, description="Seconds from an utterance's first sound to its picture.")
    first_picture_p95: float | None = None
    interrupt_p95: float | None = Field(None, description="Seconds from an interruption until the lips are shut.")


class LiveSessionView(BaseModel):
    session_id: str
    state: State
    width: int
    height: int
    fps: float
    sample_rate: int
    websocket: str = Field(description="Address to speak to, with a token that is good for a while.")
    viewers: int
    utterances: int
    pictures: int
    late: int = Field(description="Pictures that went out more than half a frame after their time.")
    dropped: int = Field(description="Pictures left out because drawing fell behind.")
    held_seconds: float = Field(description="For how long the picture stood still because the models did not answer.")
    latency: Latency
    looked: int = Field(description="Pictures of speech that were looked at after they went out.")
    ruined: dict[str, int] = Field(description="Those with a mouth that looks wrong, by the kind of the fault.")
    warnings: list[str] = Field(description="What the caller should know of the pictures.")
    pushes: list[PushView] = Field(description="Receivers to which the session is sent.")
    created: datetime

    @staticmethod
    def of(session: LiveSession, request: Request, service: Service) -> LiveSessionView:
        figures, token = session.figures, service.live.tokens.issue(session.id)
        language = language_of(request.scope)
        secure = request.url.scheme == "https"
        return LiveSessionView(
            session_id=session.id,
            state=session.state,
            width=session.size[0],
            height=session.size[1],
            fps=round(float(session.fps), 3),
            sample_rate=session.options.sample_rate,
            websocket=f"{'wss' if secure else 'ws'}://{request.url.netloc}/live/sessions/{quote(session.id)}?token={token}",
            viewers=len(session.viewers),
            utterances=figures.utterances,
            pictures=figures.pictures,
            late=figures.late,
            dropped=figures.dropped,
            held_seconds=round(figures.held, 3),
            latency=Latency(
                first_picture_p50=_quantile(figures.first_picture, 50),
                first_picture_p95=_quantile(figures.first_picture, 95),
                interrupt_p95=_quantile(figures.interrupted, 95),
            ),
            looked=figures.looked,
            ruined=dict(figures.ruined),
            warnings=[notice.text(language) for notice in figures.notices],
            pushes=[PushView.of(push, language) for push in service.pushes.of(session)],
            created=datetime.fromtimestamp(session.created, timezone.utc),
        )


class LiveSessionResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: LiveSessionView


class LiveSessionCreated(BaseModel):
    code: Literal[201] = 201
    message: str = "created"
    data: LiveSessionView


class LiveSessionsResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: list[LiveSessionView]


class Ended(BaseModel):
    session_id: str


class EndedResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: Ended


@router.post("", status_code=201, responses=error_responses(400, 401, 403, 404, 413, 429, 503))
async def begin(
    body: LiveRequest, request: Request, response: Response, service: ServiceDep, caller: CallerDep
) -> LiveSessionCreated:
    """Begin a session; answers when its template is prepared, at once where the store has it."""
    video, options = await asyncio.to_thread(checked, body, caller, service)
    receiver = None if body.push is None else await body.push.receiver(service.settings)
    session = await service.live.open(video, caller.owner, options)
    if receiver is not None:
        service.pushes.begin(session, receiver)
    response.headers["Location"] = f"/live/sessions/{quote(session.id)}"
    return LiveSessionCreated(data=LiveSessionView.of(session, request, service))


@router.get("", responses=error_responses(401))
async def list_sessions(request: Request, service: ServiceDep, caller: CallerDep) -> LiveSessionsResponse:
    """The caller's sessions on this service; an operator's key sees all of them."""
    views = [LiveSessionView.of(session, request, service) for session in service.live.of(caller.sees)]
    return LiveSessionsResponse(data=views)


@router.get("/{session_id}", responses=error_responses(400, 401, 404))
async def look_at(
    session_id: SessionId, request: Request, service: ServiceDep, caller: CallerDep
) -> LiveSessionResponse:
    """State, latency and late pictures of a session, and an address with a new token."""
    session = service.live.find(session_id, caller.sees)
    return LiveSessionResponse(data=LiveSessionView.of(session, request, service))


@router.delete("/{session_id}", responses=error_responses(400, 401, 404))
async def end(session_id: SessionId, service: ServiceDep, caller: CallerDep) -> EndedResponse:
    """End a session."""
    await service.live.close(service.live.find(session_id, caller.sees))
    return EndedResponse(data=Ended(session_id=session_id))


def checked(body: LiveRequest, caller: Caller, service: Service) -> tuple[Path, LiveOptions]:
    """The template's path, and the options. Raises the ServiceError that says what is wrong."""
    settings = service.settings
    wanted = RenderOptions(engine=body.engine, mouth_strength=body.mouth_strength, digital_auth=bool(body.digital_auth))
    checked = check_options(wanted, settings, service.engines)
    if not isinstance(service.engines.find(checked.engine), LiveEngine):
        raise BadInputError("engine_not_live", engine=checked.engine)
    found = resolve_input(body.template(), "video_path", caller.owner, settings)
    if not isinstance(found, FileInput):
        raise BadInputError("live_url", field="video_path")
    service.require_triton()
    service.require_engine(checked.engine)
    options = LiveOptions(
        engine=checked.engine,
        sample_rate=body.sample_rate,
        idle=body.idle,
        mouth_strength=checked.mouth_strength,
        visible_mark=checked.digital_auth,
        label=implicit_label("live", settings.aigc_producer)["AIGC"],
    )
    return found.path, options


def _quantile(values: object, percent: float) -> float | None:
    known = np.array(values, np.float64)
    return round(float(np.percentile(known, percent)), 4) if len(known) else None
