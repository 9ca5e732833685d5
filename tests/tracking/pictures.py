"""Pictures put together for tests of tracking."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Frame
from digital_human.core.types import FaceTrack


def blank(width: int, height: int) -> Frame:
    data = np.full((height * 3 // 2, width), 128, np.uint8)
    data[:height] = 60
    return Frame(data, "bt601")


def put(canvas: Frame, picture: Frame, x: int, y: int, step: int = 1) -> Frame:
    """`picture`, reduced `step` times, pasted with its top left corner at even x, y; what lies outside is cut."""
    result = canvas.copy()
    for plane, source, share in zip(result.planes, picture.planes, (1, 2, 2), strict=True):
        small = source[::step, ::step]
        left, top = x // share, y // share
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + small.shape[1], plane.shape[1]), min(top + small.shape[0], plane.shape[0])
        if x1 > x0 and y1 > y0:
            plane[y0:y1, x0:x1] = small[y0 - top : y1 - top, x0 - left : x1 - left]
    return result


def middle(track: FaceTrack) -> npt.NDArray[Any]:
    result: npt.NDArray[Any] = track.landmarks[..., :2].mean(1)
    return result


def reduced(picture: Frame, share: float) -> Frame:
    """A picture scaled by a share of its size, to even sides."""
    width, height = (2 * round(side * share / 2) for side in (picture.width, picture.height))
    small = blank(width, height)
    for plane, source in zip(small.planes, picture.planes, strict=True):
        plane[...] = cv2.resize(source, plane.shape[::-1], interpolation=cv2.INTER_AREA)
    return small


def tinted(picture: Frame) -> Frame:
    """Somebody else, as far as looks go: bright at one side and dark at the other."""
    other = picture.copy()
    other.planes[0][...] = np.clip(picture.planes[0] * np.linspace(0.4, 1.6, picture.width), 16, 235).astype(np.uint8)
    return other
