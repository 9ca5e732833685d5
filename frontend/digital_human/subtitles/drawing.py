"""Subtitles as pictures: white letters with a dark edge, readable on any picture."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digital_human.core.frame import Uint8
from digital_human.subtitles.text import lines_of, units_of

FONT = Path(__file__).parents[1] / "assets" / "subtitles.ttf"
"""Part of WenQuanYi Micro Hei: Latin, Greek, Cyrillic, simplified and the commoner traditional Chinese."""
SIZE, SMALLEST = 0.058, 14
"""Height of the letters over the picture's shorter side, and the least, pixels."""
EDGE = 0.09
"""Of the dark edge around the letters, over their height."""
WIDTH = 0.9
"""Of the lines at most, over the picture's width."""
LINES = 3
"""More than these are drawn smaller."""
SPACING = 1.25


def draw(text: str, picture_width: int, picture_height: int) -> Uint8:
    """RGBA, uint8 [h, w, 4], h and w even: the text in lines that fit into a picture of this size.

    Emoji and other signs that the font lacks are left out; for letters, ask `missing_letters` before.
    """
    text = " ".join("".join(character for character in _plain(text) if not _is_unknown(character)).split())
    if not text:
        return np.zeros((2, 2, 4), np.uint8)
    size = max(round(SIZE * min(picture_width, picture_height)), SMALLEST)
    lines = _wrapped(text, size, picture_width)
    while len(lines) > LINES and size > SMALLEST:
        size = max(round(size * 0.85), SMALLEST)
        lines = _wrapped(text, size, picture_width)
    font, edge, pitch = _font(size), max(round(EDGE * size), 1), round(SPACING * size)
    width = max(round(max(font.getlength(line) for line in lines)) + 4 * edge, 2)
    height = pitch * len(lines) + 4 * edge
    image = Image.new("RGBA", (width + width % 2, height + height % 2), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        place = (image.width / 2, 2 * edge + (number + 0.5) * pitch)
        pen.text(place, line, (255, 255, 255, 255), font, "mm", stroke_width=edge, stroke_fill=(12, 12, 12, 235))
    return np.asarray(image, np.uint8)


def missing_letters(text: str) -> str:
    """The letters and digits of a text that the font does not have, each once, in order."""
    return "".join(
        character for character in dict.fromkeys(_plain(text)) if character.isalnum() and _is_unknown(character)
    )


def _plain(text: str) -> str:
    """With accents in their letters, and in place of characters that the font lacks what they stand for."""
    text = unicodedata.normalize("NFC", text).replace("\u30fc", "\u2014")
    return "".join(unicodedata.normalize("NFKC", one) if _is_unknown(one) else one for one in text)


def _is_unknown(character: str) -> bool:
    if character.isascii() or character.isspace():
        return False
    # Joiners and variation selectors have no picture that could be compared.
    if unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return True
    return _picture(character) == _picture("\U0010fffd")


@lru_cache(4096)
def _picture(character: str) -> bytes:
    return bytes(_font(24).getmask(character))


def _wrapped(text: str, size: int, picture_width: int) -> list[str]:
    font, most = _font(size), WIDTH * picture_width
    units = units_of(text)
    # A Latin letter is about half as wide as the font is high; narrower until the pixels fit.
    letters = max(int(most / (size * 0.5)), 2)
    while letters > 2:
        lines = lines_of(units, letters)
        if max(font.getlength(line) for line in lines) <= most:
            return lines
        letters = min(letters - 1, int(letters * 0.9))
    return lines_of(units, letters)


@lru_cache(16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size)
