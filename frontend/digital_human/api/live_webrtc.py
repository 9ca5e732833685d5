"""WHEP: a session as WebRTC, to be watched by a browser or a media server."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Query, Request, Response
from starlette.types import Scope

from digital_human.api.auth import Keys, ServiceDep, key_of, schemes
from digital_human.api.errors import error_responses
from digital_human.api.live import SessionId
from digital_human.errors import BadInputError, NotFoundError, UnauthorizedError
from digital_human.live.session import LiveSession
from digital_human.service import Service

router = APIRouter(prefix="/live/sessions/{session_id}/whep", tags=["live"], dependencies=schemes)

SDP = "application/sdp"
_WATCH = re.compile(r"/live/sessions/([^/]+)/whep(?:/[^/]+)?")
Token = Annotated[str | None, Query(description="The token of the session's addresses, in place of a key.")]
# Any type is taken for SDP; plain text is named for tools that know no other.
_TEXT = {"schema": {"type": "string"}}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {"text/plain": _TEXT, SDP: _TEXT}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    201: {
        "description": "The answer, SDP",
        "content": {SDP: {"schema": {"type": "string"}}},
        "headers": {"Location": {"schema": {"type": "string"}, "description": "To be deleted when it is over"}},
    },
    **error_responses(400, 401, 404, 413, 429, 503),
}


@router.post("", status_code=201, response_class=Response, openapi_extra=_BODY, responses=_RESPONSES)
async def watch(session_id: SessionId, request: Request, service: ServiceDep, token: Token = None) -> Response:
    """Answer an offer that receives video and audio. All addresses are in the answer; there is no trickle."""
    session = session_for(session_id, token, request, service)
    offer = (await request.body()).decode("utf-8", "replace")
    if not offer.startswith("v=0"):
        raise BadInputError("live_offer_invalid", reason=SDP)
    peer = await service.peers.connect(session, offer, request.client and request.client.host)
    place = f"/live/sessions/{quote(session.id)}/whep/{peer.id}"
    return Response(peer.answer, 201, {"Location": place}, SDP)


@router.delete("/{peer_id}", status_code=204, response_class=Response, responses=error_responses(400, 401, 404))
async def leave(
    session_id: SessionId, peer_id: str, request: Request, service: ServiceDep, token: Token = None
) -> Response:
    """Watch no longer."""
    peer = service.peers.find(peer_id, session_for(session_id, token, request, service))
    if peer is None:
        raise NotFoundError("live_peer_not_found")
    await peer.connection.close()
    return Response(status_code=204)


def has_token(scope: Scope) -> bool:
    """Whether a request to watch a session has a token that is good for it, and so needs no key."""
    match = _WATCH.fullmatch(scope["path"])
    token = parse_qs(scope["query_string"].decode("latin-1")).get("token")
    if match is None or token is None:
        return False
    service: Service = scope["app"].state.service
    return service.live.tokens.is_valid(token[0], match[1])


def session_for(session_id: str, token: str | None, request: Request, service: Service) -> LiveSession:
    """The session, if the token or the key allows it. Raises the ServiceError that says why not."""
    if token is None:
        keys: Keys = request.app.state.keys
        return service.live.find(session_id, keys.caller(key_of(request.headers)).sees)
    session = service.live.find(session_id, None)
    if not service.live.tokens.is_valid(token, session_id):
        raise UnauthorizedError("live_token_invalid", id=session_id)
    return session
