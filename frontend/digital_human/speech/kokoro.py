"""Kokoro, a network that speaks, through Triton."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np

from digital_human.core.types import Models
from digital_human.speech.phonemes import phonemes
from digital_human.speech.said import Said
from digital_human.speech.vocabulary import NUMBERS
from digital_human.speech.voices import Voice, style

MODEL = "kokoro"
RATE = 24_000
MOST_LETTERS = 500
TIMEOUT = 300.0
"""Seconds that one piece may take on a slow machine."""
_LEAD, _TAIL = 0.06, 0.1
"""Seconds of quiet that stay before the first sound and behind the last."""
_QUIET = 0.02
"""Of the peak."""
_PEAK = 0.95
_EARLY = 0.05
"""Seconds by which the sound runs before the lengths, measured at the bursts and closures of p and b."""


@dataclass(frozen=True)
class Kokoro:
    """models: a Triton that serves the model `kokoro`"""

    models: Models

    def say(self, text: str, voice: Voice, speed: float) -> Said:
        """At RATE Hz; empty where there is nothing to say.

        Raises BadInputError where the language needs a package or program that is not installed, UnavailableError
        where Triton does not answer.
        """
        spoken = [self._say(part, voice, speed) for part in _bounded(phonemes(text, voice.language))]
        return reduce(partial(Said.followed_by, rate=RATE), spoken, Said(np.zeros(0, np.float32)))

    def _say(self, letters: str, voice: Voice, speed: float) -> Said:
        tokens = [0, *(NUMBERS[letter] for letter in letters), 0]
        answer = self.models.infer(
            MODEL,
            {
                "tokens": np.array([tokens], np.int64),
                "style": style(voice, len(letters))[None],
                "speed": np.array([speed], np.float32),
            },
            ["audio", "lengths"],
        )
        audio, lengths = (np.ravel(answer[name]).astype(np.float32) for name in ("audio", "lengths"))
        # A sign for silence stands at either end.
        edges = (np.cumsum(lengths, dtype=float) / lengths.sum() * len(audio) / RATE - _EARLY).clip(min=0)[:-1]
        return _trimmed(Said(audio, letters, np.column_stack([edges[:-1], edges[1:]])))


def _trimmed(said: Said) -> Said:
    """Without the quiet at both ends, most of a second of which the network makes."""
    level = np.abs(said.audio)
    peak = float(level.max(initial=0.0))
    loud = np.flatnonzero(level > peak * _QUIET)
    if not len(loud):
        return said.cut(0, 0, RATE)
    start, stop = max(0, int(loud[0]) - int(_LEAD * RATE)), min(int(loud[-1]) + int(_TAIL * RATE), len(level))
    kept = said.cut(start, stop, RATE)
    return replace(kept, audio=kept.audio * np.float32(min(1.0, _PEAK / peak)))


def _bounded(letters: str) -> Iterator[str]:
    """Letters in parts that the network takes, cut between words."""
    if re.search(r"[^\s\W]", letters) is None:
        return
    while len(letters) > MOST_LETTERS:
        cut = letters.rfind(" ", 1, MOST_LETTERS)
        cut = cut if cut > 0 else MOST_LETTERS
        yield letters[:cut]
        letters = letters[cut:].lstrip()
    if letters:
        yield letters
