"""Templates with several people, put together from the sample template."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Frame, crop, yuv_to_rgb
from tests.media.factory import write_clip

HALF = 360, 288
"""Size of the picture of each person, pixels."""


def two_people(frames: Sequence[Frame]) -> list[npt.NDArray[Any]]:
    """RGB pictures [288, 720, 3]: the person of the sample template on the left, mirrored and nearer on the right."""
    pictures = []
    for frame in frames:
        picture = yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix)
        near = picture[90:522, 90:630][:, ::-1]
        left, right = (cv2.resize(part, HALF, interpolation=cv2.INTER_AREA) for part in (picture, near))
        pictures.append(np.concatenate([left, right], axis=1))
    return pictures


def write_two_people(path: Path, frames: Sequence[Frame]) -> Path:
    return write_clip(path, two_people(frames), Fraction(25))
