"""A text in the pieces that a voice says, and the pieces that are read at a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

SENTENCE, CLAUSE, NONE = 2, 1, 0
"""How much of a pause a unit's punctuation suggests."""
LINE, LINES = 40, 2
"""Width of a line of a file's subtitles at most, in Latin letters; a Chinese character is two. Lines at a time."""

_ENDS, _BREAKS = ".!?…。！？", ",;:—–，；：、"
_CLOSING = "\"')]}»”’」』）》】"
_AFTER = _ENDS + _BREAKS + _CLOSING
"""What belongs to the word before it, also without a space behind."""
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_VOWELS = re.compile(r"[aeiouyàâäáãåéèêëíìîïóòôöõúùûüæœаеёиоуыэюя]+", re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """A word, or a Chinese character, with the punctuation around it.

    weight: syllables, about
    pause:  what its punctuation suggests
    spaced: whether a space comes before it
    """

    text: str
    weight: float
    pause: int
    spaced: bool


def units_of(text: str) -> list[Unit]:
    """The units of a text, in order. Punctuation that stands alone belongs to the unit before it."""
    units: list[Unit] = []
    end = 0
    for found in _TOKEN.finditer(text):
        token, spaced = found.group(), found.start() > end
        end = found.end()
        closing = "" if spaced or not units else token[: len(token) - len(token.lstrip(_AFTER))]
        if closing:
            last = units.pop()
            units.append(Unit(last.text + closing, last.weight, max(last.pause, _pause(closing)), last.spaced))
            token = token[len(closing) :]
            if not token:
                continue
        if units and not any(character.isalnum() for character in token):
            last = units.pop()
            joined = f"{last.text}{' ' if spaced else ''}{token}"
            units.append(Unit(joined, last.weight, max(last.pause, _pause(token)), last.spaced))
        else:
            units.append(Unit(token, _syllables(token), _pause(token), spaced and bool(units)))
    return [unit for unit in units if unit.weight]


def joined(units: Sequence[Unit]) -> str:
    """The text of units that follow each other."""
    return "".join(f"{' ' if unit.spaced and k else ''}{unit.text}" for k, unit in enumerate(units))


def width(text: str) -> int:
    """Of a text, in Latin letters."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def groups_of(units: Sequence[Unit], gaps: Sequence[float]) -> list[range]:
    """Units that are shown together, as ranges of their numbers: a sentence, or a part of one that can be read.

    gaps: seconds of silence after each unit
    """
    groups, first, size = [], 0, 0
    for k, unit in enumerate(units):
        size += width(unit.text) + unit.spaced
        after = width(units[k + 1].text) + units[k + 1].spaced if k + 1 < len(units) else 0
        full = size + after > LINE * LINES
        ends = unit.pause == SENTENCE or gaps[k] > 0.6 or (unit.pause == CLAUSE and size > 0.6 * LINE * LINES)
        if full or ends or k + 1 == len(units):
            groups.append(range(first, k + 1))
            first, size = k + 1, 0
    return groups


def lines_of(units: Sequence[Unit], most: int = LINE) -> list[str]:
    """The text on as few lines as it needs, of about the same width. most: width of a line"""
    whole = width(joined(units))
    count = max(-(-whole // most), 1)
    lines: list[list[Unit]] = [[]]
    for unit in units:
        here = width(joined([*lines[-1], unit]))
        enough = here > most or (lines[-1] and len(lines) < count and here > whole / count + width(unit.text) / 2)
        if lines[-1] and enough:
            lines.append([])
        lines[-1].append(unit)
    return [joined(line) for line in lines]


def _pause(token: str) -> int:
    stripped = token.rstrip(_CLOSING)
    if stripped.endswith(tuple(_ENDS)):
        return SENTENCE
    return CLAUSE if stripped.endswith(tuple(_BREAKS)) else NONE


def _syllables(token: str) -> float:
    """Syllables of a word, about; 0 for what nobody says."""
    letters = [character for character in token if character.isalnum()]
    if not letters:
        return 0.0
    if width(letters[0]) == 2:
        return float(len(letters))
    digits = sum(character.isdigit() for character in letters)
    word = "".join(character for character in letters if not character.isdigit())
    vowels = len(_VOWELS.findall(word))
    silent = word.lower().endswith("e") and not word.lower().endswith("le") and vowels > 1
    return max(vowels - silent, 1 if word else 0) + 1.5 * digits
