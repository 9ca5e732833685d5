"""A speech server of others, asked as OpenAI's: POST {SPEECH_URL}/audio/speech."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from digital_human.core.frame import Float32
from digital_human.errors import BadInputError, UnavailableError
from digital_human.media.audio import decode_audio
from digital_human.net.bounded import DeadlineError, run_bounded
from digital_human.net.safe_http import stream
from digital_human.settings import Settings
from digital_human.speech.kokoro import RATE
from digital_human.speech.said import Said

_WAIT = 60.0
"""Seconds of each single wait for the server."""
_MOST_BYTES = 64 * 2**20
_MOST_REASON = 300
_TRY_AGAIN = (408, 429)


@dataclass(frozen=True)
class RemoteSpeaker:
    """check: called several times a second; raises to break off"""

    settings: Settings
    check: Callable[[], None] = lambda: None

    def say(self, text: str, voice: str, speed: float) -> Said:
        """Raises BadInputError where the server refuses the text, UnavailableError where it does not answer in time."""
        settings = self.settings
        body = {
            "model": settings.speech_model,
            "input": text,
            "voice": voice or settings.remote_voices[0],
            "speed": speed,
            "response_format": "wav",
        }
        try:
            status, answer = run_bounded(_post(body, settings), settings.speech_seconds, self.check)
        except DeadlineError as error:
            raise UnavailableError("speech_server_silent", reason=f"{settings.speech_seconds:g} s") from error
        except httpx.HTTPError as error:
            raise UnavailableError("speech_server_silent", reason=type(error).__name__) from error
        if status != 200:
            reason = answer[:_MOST_REASON].decode(errors="replace")
            if status >= 500 or status in _TRY_AGAIN:
                raise UnavailableError("speech_server_refused", status=status, reason=reason)
            raise BadInputError("speech_server_refused", status=status, reason=reason)
        return Said(_decoded(answer))


async def _post(body: dict[str, object], settings: Settings) -> tuple[int, bytes]:
    assert settings.speech_url is not None
    url = f"{settings.speech_url.rstrip('/')}/audio/speech"
    headers = {"Content-Type": "application/json"}
    if settings.speech_key is not None:
        headers["Authorization"] = f"Bearer {settings.speech_key.get_secret_value()}"
    # The operator named the host, so its address may be a private one.
    hosts = (httpx.URL(url).host, "0.0.0.0/0", "::/0")
    answer = bytearray()
    async with stream(
        "POST", url, "text", hosts, "SPEECH_URL", _WAIT, json.dumps(body).encode(), headers, redirects=False
    ) as response:
        async for block in response.aiter_bytes():
            answer += block
            if len(answer) > _MOST_BYTES:
                raise BadInputError("speech_server_refused", status=response.status_code, reason="too many bytes")
        return response.status_code, bytes(answer)


def _decoded(answer: bytes) -> Float32:
    """Whatever kind of sound the server sent."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech"
        path.write_bytes(answer)
        chunks = list(decode_audio(path, RATE, "mono", "text"))
    return np.concatenate(chunks, axis=1)[0] if chunks else np.zeros(0, np.float32)
