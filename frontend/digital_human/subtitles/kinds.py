"""The forms that subtitles have."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

Subtitles = Literal["srt", "vtt", "burn"]
SUBTITLES: tuple[Subtitles, ...] = get_args(Subtitles)
FILES = ("srt", "vtt")
"""Those that are files beside the result."""


def subtitle_path(save: Path, kind: str) -> Path:
    """Where the file of subtitles is, beside the result."""
    return save.with_suffix(f".{kind}")
