"""What is used of ComfyUI itself, or what goes in its place where a version lacks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from comfy_api.input_impl import VideoFromFile
except ImportError:  # before the type VIDEO
    VideoFromFile = None

HAS_VIDEO = VideoFromFile is not None


def video_of(path: Path) -> Any:
    """A VIDEO of a file; None where there is no such type."""
    return VideoFromFile(str(path)) if HAS_VIDEO else None


def save_video(video: Any, path: Path) -> None:
    """Write a VIDEO to a file."""
    video.save_to(str(path))


def follow() -> Callable[[float], None]:
    """What shows a share on the node. It raises where somebody presses Cancel."""
    from comfy.model_management import throw_exception_if_processing_interrupted
    from comfy.utils import ProgressBar

    bar = ProgressBar(1000)

    def show(share: float) -> None:
        throw_exception_if_processing_interrupted()
        bar.update_absolute(round(share * 1000))

    return show


def free_file(prefix: str) -> Path:
    """A name in ComfyUI's folder of outputs that nothing has yet: `prefix_00001.mp4`. Its folder is there."""
    from folder_paths import get_output_directory

    output = Path(get_output_directory()).resolve()
    stem = (output / prefix).resolve()
    if not stem.is_relative_to(output) or stem == output:
        raise ValueError(f"filename_prefix: {prefix!r} lies outside of the folder of outputs")
    stem.parent.mkdir(parents=True, exist_ok=True)
    named = re.compile(re.escape(stem.name) + r"_(\d+)\.mp4")
    taken = [int(found[1]) for path in stem.parent.iterdir() if (found := named.fullmatch(path.name))]
    return stem.with_name(f"{stem.name}_{max(taken, default=0) + 1:05}.mp4")


def shown(path: Path) -> dict[str, Any]:
    """What makes ComfyUI's page show a video below the node."""
    from folder_paths import get_output_directory

    folder = path.parent.relative_to(Path(get_output_directory()).resolve())
    found = {"filename": path.name, "subfolder": "" if folder == Path() else str(folder), "type": "output"}
    return {"images": [found], "animated": (True,)}
