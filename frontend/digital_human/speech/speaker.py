"""A text becomes sound, piece by piece, by a voice of our own or by another server."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from digital_human.errors import BadInputError
from digital_human.media.sound import to_pcm
from digital_human.settings import Settings
from digital_human.speech import espeak
from digital_human.speech.kokoro import MODEL, RATE, TIMEOUT, Kokoro
from digital_human.speech.said import Phones, Said
from digital_human.speech.sentences import pieces_of, weight
from digital_human.speech.voices import find_voice
from digital_human.triton import repository
from digital_human.triton.client import TritonModels

SPEEDS = (0.5, 2.0)
"""Least and largest speed; 1 is the voice's own."""

_PAUSE, _PARAGRAPH, _END = 0.3, 0.6, 0.2
"""Seconds of quiet between two pieces, behind a paragraph, and at the end."""
_WEIGHT_A_SECOND = 14.0
"""Of a text, at speed 1."""


@dataclass(frozen=True)
class SpokenText:
    """A text to be spoken. voice: '' for one that fits the text; speed: 1 is the voice's own"""

    text: str
    voice: str = ""
    speed: float = 1.0


class Speaker(Protocol):
    """Says one piece of a text."""

    def say(self, text: str, voice: str, speed: float) -> Said:
        """At RATE Hz, mono."""
        ...


@dataclass(frozen=True)
class LocalSpeaker:
    """The voices that ship.

    url:   of Triton, which may let go of the network between two pieces
    whole: the text that the pieces are of, by which a voice is chosen where none is named
    """

    url: str
    whole: str

    @cached_property
    def kokoro(self) -> Kokoro:
        return Kokoro(TritonModels(self.url, timeout=TIMEOUT))

    def say(self, text: str, voice: str, speed: float) -> Said:
        repository.ensure_loaded(self.url, MODEL)
        return self.kokoro.say(text, find_voice(voice, self.whole), speed)


def check_text(spoken: SpokenText, settings: Settings, field: str = "text") -> None:
    """Raises BadInputError for a text that cannot be spoken, an unknown voice, or a speed out of range."""
    if len(spoken.text) > settings.max_text_characters:
        raise BadInputError("text_too_long", field=field, most=settings.max_text_characters)
    if not pieces_of(spoken.text):
        raise BadInputError("text_empty", field=field)
    least, largest = SPEEDS
    if not least <= spoken.speed <= largest:
        raise BadInputError("speed_out_of_range", least=least, largest=largest)
    if not settings.speech_url:
        espeak.require(find_voice(spoken.voice, spoken.text).language)
    if estimated_seconds(spoken) > 2 * settings.max_audio_seconds:
        raise BadInputError("speech_too_long", field=field, seconds=settings.max_audio_seconds)


def estimated_seconds(spoken: SpokenText) -> float:
    """About how long it takes to say a text."""
    return weight(spoken.text) / _WEIGHT_A_SECOND / spoken.speed


def speak(
    spoken: SpokenText, speaker: Speaker, progress: Callable[[float], None] = lambda share: None
) -> Iterator[Said]:
    """Each piece of a text, see `pieces_of`, with the pause behind it.

    progress: called with the share that is done, 0-1
    """
    pieces = pieces_of(spoken.text)
    total, done = sum(weight(piece.text) for piece in pieces), 0
    for index, piece in enumerate(pieces):
        progress(done / total)
        said = speaker.say(piece.text, spoken.voice, spoken.speed)
        pause = _END if index == len(pieces) - 1 else _PARAGRAPH if piece.ends_paragraph else _PAUSE
        yield said.followed_by(Said(np.zeros(int(pause / spoken.speed * RATE), np.float32)), RATE)
        done += weight(piece.text)
    progress(1.0)


def noting(pieces: Iterable[Said], phones: list[Phones]) -> Iterator[Said]:
    """The same pieces, the phones of each noted when it is taken."""
    for said in pieces:
        phones.append(said.phones(RATE))
        yield said


def write_wav(path: Path, pieces: Iterable[Said]) -> None:
    """Write 16-bit mono at RATE Hz. Raises OSError, and BadInputError where nothing was said."""
    frames = 0
    with path.open("wb") as file, wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        for piece in pieces:
            frames += len(piece.audio)
            wav.writeframes(to_pcm(piece.audio).tobytes())
    if frames == 0:
        raise BadInputError("text_empty", field="text")
