"""/live/sessions/{id}/push: send a session to an RTMP or WHIP receiver, which has viewers of its own."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from digital_human.api.auth import CallerDep, ServiceDep, schemes
from digital_human.api.errors import error_responses
from digital_human.api.language import language_of
from digital_human.api.live import SessionId
from digital_human.api.live_push_models import PushRequest, PushView

router = APIRouter(prefix="/live/sessions/{session_id}/push", tags=["live"], dependencies=schemes)


class PushCreated(BaseModel):
    code: Literal[201] = 201
    message: str = "created"
    data: PushView


@router.post("", status_code=201, responses=error_responses(400, 401, 403, 404, 413, 429))
async def begin(
    session_id: SessionId,
    body: PushRequest,
    request: Request,
    response: Response,
    service: ServiceDep,
    caller: CallerDep,
) -> PushCreated:
    """Send a session on; answers before the receiver does, and the session's `pushes` tell what became of it."""
    session = service.live.find(session_id, caller.sees)
    push = service.pushes.begin(session, await body.receiver(service.settings))
    response.headers["Location"] = f"/live/sessions/{quote(session.id)}/push/{push.id}"
    return PushCreated(data=PushView.of(push, language_of(request.scope)))


@router.delete("/{push_id}", status_code=204, response_class=Response, responses=error_responses(400, 401, 404))
async def end(session_id: SessionId, push_id: str, service: ServiceDep, caller: CallerDep) -> Response:
    """Send it there no longer."""
    await service.pushes.end(push_id, service.live.find(session_id, caller.sees))
    return Response(status_code=204)
