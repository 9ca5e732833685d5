"""The container formats of the output."""

from __future__ import annotations

from pathlib import Path

from digital_human.errors import BadInputError

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""Output suffix -> FFmpeg's muxer."""


def check_suffix(path: Path, field: str = "save_path") -> None:
    """Raises BadInputError where no container goes with the suffix."""
    if path.suffix.lower() not in CONTAINERS:
        raise BadInputError("output_type_unknown", field=field, suffixes=", ".join(CONTAINERS))
