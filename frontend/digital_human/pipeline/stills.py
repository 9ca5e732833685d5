"""A still of a template with the faces that it shows, for somebody to choose one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digital_human.core.alpha import over_colour
from digital_human.core.frame import Float32
from digital_human.errors import BadInputError
from digital_human.media import VideoReader
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.report import jpeg
from digital_human.tracking.search import find_faces, search_tiles

HEIGHT = 540
"""Of the still at most, pixels."""


@dataclass(frozen=True)
class Still:
    """seconds: length of the template, 0 where its header does not say

    boxes:   float32 [n, 4], x, y, width and height in fractions of the picture, from left to right
    picture: JPEG
    """

    width: int
    height: int
    seconds: float
    boxes: Float32
    picture: bytes


def look_at(video: Path, time: float, context: PipelineContext) -> Still:
    """The faces at a moment of a template, seconds. Raises BadInputError where it cannot be read or ends before."""
    reader = VideoReader(
        video,
        max_pixels=context.max_template_pixels,
        hwaccel=context.hwaccel,
        max_seconds=context.max_template_seconds,
    )
    info = reader.info
    seconds = float(info.length_hint / info.fps)
    if info.length_hint and time >= seconds:
        raise BadInputError("face_beyond_end", seconds=seconds)
    frame = over_colour(next(reader.frames(int(time * info.fps))))
    found = find_faces([frame], context.models)[0] or search_tiles(frame, context.models)
    corners = np.array([face.box for face in found], np.float32).reshape(-1, 2, 2)
    boxes = np.concatenate([corners[:, 0], corners[:, 1] - corners[:, 0]], 1) / np.tile([info.width, info.height], 2)
    boxes = boxes[np.argsort(boxes[:, 0])].astype(np.float32)
    return Still(info.width, info.height, seconds, boxes, jpeg(frame, min(info.height, HEIGHT)))
