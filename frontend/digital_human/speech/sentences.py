"""A text in pieces that are spoken one by one: sentences, short ones together, long ones in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 280
"""Weight of a piece, about its phones; the network takes 510."""
TOGETHER = 120
"""Sentences of a paragraph are spoken in one piece up to this weight."""

_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WIDE_WEIGHT = 4
_CLOSING = "\"'”’)\\]」』）】》"
_ENDS = re.compile(
    # A run of marks is looked at once, from its beginning: from every mark it would take the square of its length.
    rf"(?:[。！？；…]+[{_CLOSING}]*)|(?:(?<![.!?।])[.!?।]+[{_CLOSING}]*)(?=\s|$)",
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|e\.g|i\.e|No|Inc|Ltd|Co|Jan|Feb|Aug|Sept|Oct|Nov|Dec|approx|Sra?|M|Mme)"
    r"|\b[A-Z]|\b[ap]\.m)\.$"
)
_LONGEST_ABBREVIATION = 8
"""Letters before the end of a sentence that are looked at for one."""
_PARTS = re.compile(r"(?<=[,;:，、；：—])\s*|\s+-\s+")


@dataclass(frozen=True)
class Piece:
    """ends_paragraph: a longer pause follows"""

    text: str
    ends_paragraph: bool


def weight(text: str) -> int:
    """About how many phones a text has."""
    wide = len(_WIDE.findall(text))
    return len(text) - wide + _WIDE_WEIGHT * wide


def pieces_of(text: str) -> list[Piece]:
    """The pieces of a text in order; none where it holds nothing to say."""
    found: list[Piece] = []
    for paragraph in re.split(r"\n\s*\n|\r\n|\n", text):
        parts = [part for sentence in _sentences(paragraph.strip()) for part in _bounded(sentence)]
        joined: list[str] = []
        for part in parts:
            if joined and weight(joined[-1]) + weight(part) <= TOGETHER:
                joined[-1] += f" {part}" if joined[-1][-1].isascii() else part
            else:
                joined.append(part)
        spoken = [part for part in joined if any(sign.isalnum() for sign in part)]
        found += [Piece(part, index == len(spoken) - 1) for index, part in enumerate(spoken)]
    return found


def _sentences(paragraph: str) -> Iterator[str]:
    start = 0
    for end in _ENDS.finditer(paragraph):
        sentence = paragraph[start : end.end()].strip()
        if _ABBREVIATION.search(sentence[-_LONGEST_ABBREVIATION:]) and end.end() < len(paragraph):
            continue
        if sentence:
            yield sentence
        start = end.end()
    if rest := paragraph[start:].strip():
        yield rest


def _bounded(sentence: str) -> Iterator[str]:
    """A sentence in parts of at most MOST: at commas, else between words, else anywhere."""
    if weight(sentence) <= MOST:
        yield sentence
        return
    parts = [part for part in _PARTS.split(sentence) if part]
    if len(parts) == 1:
        parts = sentence.split()
    if len(parts) == 1:
        size = MOST // _WIDE_WEIGHT
        parts = [sentence[start : start + size] for start in range(0, len(sentence), size)]
    current = ""
    for part in parts:
        joined = f"{current} {part}" if current and current[-1].isascii() else current + part
        if current and weight(joined) > MOST:
            yield from _bounded(current)
            current = part
        else:
            current = joined
    if current:
        # A part of its own that is too long has no comma any more.
        yield from (_bounded(current) if current != sentence else [current])
