"""/offer, /human, /humanaudio, /interrupt_talk and /is_speaking, for pages of LiveTalking, which need not change.

Sessions have numbers there. Answers are `{"code": 0}`, and `{"code": -1, "msg": ...}` where something is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, File, Form, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from digital_human.api.auth import Caller, CallerDep, ServiceDep, schemes
from digital_human.api.errors import error_responses
from digital_human.api.language import LanguageDep
from digital_human.api.live import LiveRequest, checked
from digital_human.api.voices import spoken_pieces
from digital_human.core.frame import Float32
from digital_human.errors import BadInputError, ServiceError, TooLargeError
from digital_human.live.session import LiveSession
from digital_human.service import Service
from digital_human.speech.kokoro import RATE
from digital_human.speech.speaker import SpokenText, check_text

log = logging.getLogger(__name__)

router = APIRouter(tags=["LiveTalking"], dependencies=schemes)

_RESPONSES = error_responses(400, 401, 413)


class Offer(BaseModel):
    model_config = ConfigDict(extra="allow")

    sdp: str = Field(max_length=200_000)
    type: str = "offer"
    avatar: str | None = Field(None, description="The name of an avatar; LIVE_TEMPLATE without one.", max_length=256)


class Numbered(BaseModel):
    model_config = ConfigDict(extra="allow")

    sessionid: int | str = 0


class Human(Numbered):
    type: Literal["echo", "chat"] = "echo"
    text: str = ""
    interrupt: bool = False


class Answer(BaseModel):
    """code: 0, or -1 with a `msg`"""

    code: int = 0
    msg: str = "ok"
    data: bool | str | None = None


class OfferAnswer(BaseModel):
    code: int = 0
    msg: str = "ok"
    sdp: str = ""
    type: Literal["answer"] = "answer"
    sessionid: int = 0


@router.post("/offer", responses=_RESPONSES)
async def offer(
    body: Offer, http_request: Request, service: ServiceDep, caller: CallerDep, language: LanguageDep
) -> OfferAnswer:
    """Begin a session with an avatar, or the template of LIVE_TEMPLATE, and answer the offer."""
    session = None
    try:
        template = service.settings.live_template or None
        if not (body.avatar or template):
            raise BadInputError("live_template_missing")
        request = LiveRequest(avatar=body.avatar, video_path=None if body.avatar else template, sample_rate=RATE)
        video, options = await asyncio.to_thread(checked, request, caller, service)
        session = await service.live.open(video, caller.owner, options)
        peer = await service.peers.connect(session, body.sdp, http_request.client and http_request.client.host)
    except ServiceError as error:
        if session is not None:
            session.stop()
        return OfferAnswer(code=-1, msg=error.text(language))
    return OfferAnswer(sdp=peer.answer, sessionid=session.number)


@router.post("/human", responses=_RESPONSES)
async def human(body: Human, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> Answer:
    """Have the person say a text, with the service's voices."""

    async def say(session: LiveSession) -> Answer:
        if body.interrupt:
            session.interrupt()
        if body.type == "chat":
            raise BadInputError("live_no_chat")
        spoken = SpokenText(body.text)
        await asyncio.to_thread(check_text, spoken, service.settings)
        await _say(session, spoken, service)
        return Answer(data="ok")

    return await _with_session(body, service, caller, language, say)


@router.post("/humanaudio", responses=_RESPONSES)
async def human_audio(
    service: ServiceDep,
    caller: CallerDep,
    language: LanguageDep,
    file: Annotated[UploadFile, File(description="Speech: any audio file.")],
    sessionid: Annotated[str, Form()] = "0",
) -> Answer:
    """Have the person say a recording."""

    async def play(session: LiveSession) -> Answer:
        folder = service.settings.state_path / "live"
        path = folder / uuid.uuid4().hex
        content = await file.read(service.settings.max_upload_bytes + 1)
        if len(content) > service.settings.max_upload_bytes:
            raise TooLargeError("file_too_large", field="file", size=service.settings.max_upload_bytes)
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(path.write_bytes, content)
        # The session's process decodes it, and removes it.
        session.play(path)
        return Answer()

    return await _with_session(Numbered(sessionid=sessionid), service, caller, language, play)


@router.post("/interrupt_talk", responses=_RESPONSES)
async def interrupt(body: Numbered, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> Answer:
    """Stop speaking."""

    async def stop(session: LiveSession) -> Answer:
        session.interrupt()
        return Answer()

    return await _with_session(body, service, caller, language, stop)


@router.post("/is_speaking", responses=_RESPONSES)
async def is_speaking(body: Numbered, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> Answer:
    """Whether the person speaks now: `data`."""

    async def look(session: LiveSession) -> Answer:
        return Answer(data=session.state == "speaking")

    return await _with_session(body, service, caller, language, look)


async def _with_session(
    body: Numbered, service: Service, caller: Caller, language: Any, work: Callable[[LiveSession], Any]
) -> Answer:
    try:
        answer: Answer = await work(service.live.find_number(str(body.sessionid), caller.sees))
    except ServiceError as error:
        return Answer(code=-1, msg=error.text(language))
    return answer


async def _say(session: LiveSession, spoken: SpokenText, service: Service) -> None:
    """Speak a text piece by piece; the first piece is pushed when this returns, the others follow."""
    pieces = spoken_pieces(spoken, service)
    first = await asyncio.to_thread(next, pieces)

    async def rest() -> None:
        with closing(pieces):
            piece: Float32 | None = first
            while piece is not None:
                session.push((np.clip(piece, -1, 1) * 32767).astype("<i2").tobytes())
                piece = await asyncio.to_thread(lambda: next(pieces, None))
        session.flush()

    task = asyncio.create_task(rest())
    _speaking.add(task)
    task.add_done_callback(_ended)


_speaking: set[asyncio.Task[None]] = set()


def _ended(task: asyncio.Task[None]) -> None:
    _speaking.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a text was not said to its end: %s", error)
