"""Voices, and texts that they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .connection import AsyncConnection, Connection, body, data


@dataclass(frozen=True)
class Voice:
    """id: what `voice` may be; language: BCP 47, None where another server speaks; gender: likewise"""

    id: str
    name: str
    language: str | None
    gender: str | None

    @staticmethod
    def of(view: dict[str, Any]) -> Voice:
        return Voice(view["id"], view["name"], view["language"], view["gender"])


class Voices(Connection):
    def voices(self) -> list[Voice]:
        """The voices that can speak a text."""
        return [Voice.of(view) for view in body(self._http.get("/voices"))["voices"]]

    def speech(self, text: str, voice: str = "", *, speed: float = 1.0, response_format: str = "mp3") -> bytes:
        """A text as sound, in a file's bytes. voice: as `voices` has it; '' for one that fits the text"""
        asked = {"input": text, "voice": voice, "speed": speed, "response_format": response_format}
        answer = self._http.post("/v1/audio/speech", json=asked)
        if answer.is_error:
            data(answer)
        return answer.content


class AsyncVoices(AsyncConnection):
    async def voices(self) -> list[Voice]:
        """The voices that can speak a text."""
        return [Voice.of(view) for view in body(await self._http.get("/voices"))["voices"]]

    async def speech(self, text: str, voice: str = "", *, speed: float = 1.0, response_format: str = "mp3") -> bytes:
        """A text as sound, in a file's bytes. voice: as `voices` has it; '' for one that fits the text"""
        asked = {"input": text, "voice": voice, "speed": speed, "response_format": response_format}
        answer = await self._http.post("/v1/audio/speech", json=asked)
        if answer.is_error:
            data(answer)
        return answer.content
