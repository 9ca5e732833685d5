"""Names of files made of what people write, fit for every file system."""

from __future__ import annotations

RESERVED = '<>:"/\\|?*'
"""Characters that a file system may refuse."""


def file_name(text: str, reserved: str = RESERVED, most: int = 80) -> str:
    """The text as a name without suffix, of at most `most` characters; may be empty. reserved: characters left out"""
    plain = "".join(" " if letter in reserved or not letter.isprintable() else letter for letter in text)
    return " ".join(plain.split())[:most].strip(" .")
