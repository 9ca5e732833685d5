"""The three paths of a request, checked before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from frontend.errors import BadInput, Conflict, Forbidden, NotFound
from frontend.media.write import check_suffix


@dataclass(frozen=True)
class JobPaths:
    """Absolute, with symbolic links resolved."""

    audio: Path
    video: Path
    save: Path


def resolve(audio: str, video: str, save: str, base: Path, roots: Sequence[Path]) -> JobPaths:
    """Where the caller's paths lead; relative ones start at `base`.

    Raises Forbidden outside `roots`, NotFound for a missing input, Conflict where the output is an input, and BadInput
    for a folder or an unknown output type.
    """
    paths = JobPaths(
        _inside(audio, "audio_path", base, roots),
        _inside(video, "video_path", base, roots),
        _inside(save, "save_path", base, roots),
    )
    _check_input(paths.audio, "audio_path")
    _check_input(paths.video, "video_path")
    check_suffix(paths.save)
    if paths.save.is_dir():
        raise BadInput("save_path: is a folder")
    for name, path in (("audio_path", paths.audio), ("video_path", paths.video)):
        if paths.save == path or (paths.save.exists() and paths.save.samefile(path)):
            raise Conflict(f"save_path: is the same file as {name}")
    return paths


def _inside(text: str, field: str, base: Path, roots: Sequence[Path]) -> Path:
    if not text.strip() or "\0" in text:
        raise BadInput(f"{field}: is empty or not a path")
    try:
        path = Path(os.path.realpath(base / text))
    except OSError as error:
        raise BadInput(f"{field}: is not a path ({error.strerror})") from error
    if not any(path.is_relative_to(root) for root in roots):
        raise Forbidden(f"{field}: lies outside the allowed folders; the setting ALLOWED_ROOTS adds some")
    return path


def _check_input(path: Path, field: str) -> None:
    try:
        if path.is_dir():
            raise BadInput(f"{field}: is a folder")
        if not path.exists():
            raise NotFound(f"{field}: no such file")
        if not path.is_file():
            raise BadInput(f"{field}: is not a regular file")
        with path.open("rb") as file:
            if not file.read(1):
                raise BadInput(f"{field}: is an empty file")
    except OSError as error:
        raise BadInput(f"{field}: cannot be read ({error.strerror})") from error
