"""When the words of a text are said, by the times of the phones that a voice gave it.

Every word is read by itself, and these phones are found again among those of the text: numbers and words that sound
otherwise in their sentence only move what lies between two that were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import accumulate

import numpy as np

from digital_human.core.frame import Float64
from digital_human.pipeline.options import RenderOptions
from digital_human.speech.phonemes import phonemes
from digital_human.speech.said import Phones
from digital_human.speech.sentences import pieces_of
from digital_human.speech.speaker import SpokenText
from digital_human.speech.voices import find_voice
from digital_human.subtitles.text import Unit, units_of

_STRESS, _MARKS = ("ˈ", "ˌ"), "̃↓→↗↘"
"""Signs of stress, and those of nasals and tones."""


def spoken_words(spoken: SpokenText, pieces: Sequence[Phones], options: RenderOptions) -> Float64 | None:
    """When the words of the subtitles are said, see `times_of_words`; None without subtitles of what is spoken, or
    where the speaker does not tell its times.
    """
    if options.subtitles is None or options.subtitle_text != spoken.text or not any(said.letters for said in pieces):
        return None
    return times_of_words(spoken.text, find_voice(spoken.voice, spoken.text).language, pieces)


def times_of_words(text: str, language: str, pieces: Sequence[Phones]) -> Float64:
    """Start and end of each of `units_of` a text, seconds, float64 [N, 2].

    pieces: how each of `pieces_of` the text was spoken, with the pause behind it
    Raises BadInputError where a package or program for the language is missing.
    """
    units, texts = units_of(text), [piece.text for piece in pieces_of(text)]
    # A unit is of the piece that holds its first letter.
    begins = np.array([0, *accumulate(_letters(unit.text) for unit in units)])[:-1]
    bounds = [0, *accumulate(_letters(piece) for piece in texts)]
    firsts = np.searchsorted(begins, bounds)
    found, before = np.zeros((len(units), 2)), 0.0
    for said, first, last in zip(pieces, firsts[:-1], firsts[1:], strict=True):
        found[first:last] = before + _within(units[first:last], language, said)
        before += said.seconds
    return found


def _letters(text: str) -> int:
    return sum(sign.isalnum() for sign in text)


def _within(units: Sequence[Unit], language: str, said: Phones) -> Float64:
    """The same for the units of one piece."""
    read = [[sign for sign in phonemes(unit.text, language) if _sounds(sign)] for unit in units]
    own = [sign for signs in read for sign in signs]
    spoken = [k for k, sign in enumerate(said.letters) if _sounds(sign)]
    # The time of a mark of stress is that of the phone behind it.
    begins = [k - 1 if said.letters[k - 1 : k] in _STRESS else k for k in spoken]
    blocks = SequenceMatcher(None, own, [said.letters[k] for k in spoken], autojunk=False).get_matching_blocks()
    pairs = np.array([(a + k, b + k) for a, b, size in blocks for k in range(size)])
    if len(pairs) == 0:
        # Nothing is found again: an even rate.
        ends = said.seconds * np.cumsum([unit.weight for unit in units]) / sum(unit.weight for unit in units)
        return np.column_stack([[0.0, *ends[:-1]], ends])
    at = np.interp(np.arange(len(own)), *pairs.T)
    numbers = np.arange(len(spoken))
    starts, ends = np.interp(at, numbers, said.times[begins, 0]), np.interp(at, numbers, said.times[spoken, 1])
    found, done = np.zeros((len(units), 2)), 0
    for k, signs in enumerate(read):
        first, done = done, done + len(signs)
        # One without phones of its own lasts no time behind the one before it.
        found[k] = (starts[first], ends[done - 1]) if signs else found[k - 1, 1] if k else starts[0]
    return found


def _sounds(sign: str) -> bool:
    """Whether a sign is a phone or part of one: stress, spaces and punctuation are not."""
    return (sign.isalpha() or sign in _MARKS) and sign not in _STRESS
