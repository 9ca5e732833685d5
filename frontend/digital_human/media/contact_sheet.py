"""A contact sheet of frames from a video, to judge a result at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from digital_human.core.alpha import over_colour
from digital_human.core.frame import Uint8, yuv_to_rgb
from digital_human.core.frame import crop as crop_frame
from digital_human.media import VideoReader

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


def write_contact_sheet(
    video: Path,
    target: Path,
    frames: Sequence[tuple[int, str]],
    box: Box | None = None,
    columns: int = 8,
    width: int = 200,
) -> None:
    """PNG with the frames of the given numbers, each under its caption.

    box:   the part of the picture to show; without one all of it
    width: of each still, in pixels
    """
    reader = VideoReader(video)
    x, y, w, h = box or (0, 0, reader.info.width, reader.info.height)
    x, y, w, h = x - x % 2, y - y % 2, w + w % 2, h + h % 2
    captions: dict[int, list[str]] = {}
    for index, caption in frames:
        captions.setdefault(index, []).append(caption)
    stills: list[Uint8] = []
    for index, frame in enumerate(reader.frames()):
        for caption in captions.get(index, ()):
            picture = yuv_to_rgb(crop_frame(over_colour(frame), x, y, w, h), frame.matrix)
            picture = np.asarray(
                cv2.resize(picture, (width, round(width * h / w)), interpolation=cv2.INTER_AREA), np.uint8
            )
            picture = np.vstack([np.full((22, width, 3), 255, np.uint8), picture])
            cv2.putText(picture, caption, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
            stills.append(picture)
    if not stills:
        raise ValueError("no frame of that number")
    stills += [np.full_like(stills[0], 255)] * (-len(stills) % columns)
    rows = [np.hstack(stills[k : k + columns]) for k in range(0, len(stills), columns)]
    target.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(target), np.ascontiguousarray(np.vstack(rows)[..., ::-1]))
