"""Kokoro, a network that speaks, through Triton."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from digital_human.core.frame import Float32
from digital_human.core.types import Models
from digital_human.speech.phonemes import phonemes
from digital_human.speech.vocabulary import NUMBERS
from digital_human.speech.voices import Voice, style

MODEL = "kokoro"
RATE = 24_000
FRAME = 600
"""Samples of one unit of the lengths."""
MOST_LETTERS = 500
TIMEOUT = 300.0
"""Seconds that one piece may take on a slow machine."""
_LEAD, _TAIL = 0.06, 0.1
"""Seconds of quiet that stay before the first phone and behind the last."""
_PEAK = 0.95


@dataclass(frozen=True)
class Kokoro:
    """models: a Triton that serves the model `kokoro`"""

    models: Models

    def say(self, text: str, voice: Voice, speed: float) -> Float32:
        """float32 [samples] at RATE Hz, within +-1; empty where there is nothing to say.

        Raises UnavailableError, also where the language needs what is not installed.
        """
        spoken = [self._say(part, voice, speed) for part in _bounded(phonemes(text, voice.language))]
        return np.concatenate(spoken) if spoken else np.zeros(0, np.float32)

    def _say(self, letters: str, voice: Voice, speed: float) -> Float32:
        tokens = [0, *(NUMBERS[letter] for letter in letters), 0]
        answer = self.models.infer(
            MODEL,
            {
                "tokens": np.array([tokens], np.int64),
                "style": style(voice, len(letters))[None],
                "speed": np.array([speed], np.float32),
            },
        )
        audio, lengths = np.ravel(answer["audio"]).astype(np.float32), np.ravel(answer["lengths"])
        # The first and last token are no phones, but the quiet around them.
        start = max(0, int(lengths[0]) * FRAME - int(_LEAD * RATE))
        stop = len(audio) - max(0, int(lengths[-1]) * FRAME - int(_TAIL * RATE))
        return audio[start:stop] * min(1.0, _PEAK / max(float(np.abs(audio).max()), 1e-6))


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
