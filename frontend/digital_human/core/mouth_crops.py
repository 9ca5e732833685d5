"""Crops around the mouth, kept while a face is tracked.

Without them, a template that does not fit into memory would be decoded again for its mouths alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digital_human.core.frame import Float32, Frame, crop_yuv
from digital_human.core.landmarks import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE

HALF = np.array([1.15, 1.25])
"""Half of a crop's width and height, in inter-ocular distances: six talking heads needed hardly less."""
MAX_BYTES = 128 * 2**20
"""Of all crops of a template."""


@dataclass(frozen=True)
class _Crop:
    """A crop whose top left corner lies at (x, y), frame pixels."""

    image: Frame
    x: int
    y: int


class MouthCrops:
    """Mouth crops of one template of width by height pixels; empty if they would exceed MAX_BYTES."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._kept: list[_Crop | None] = []
        self._left = MAX_BYTES

    def add(self, frames: Sequence[Frame], landmarks: Float32) -> None:
        """Add the next frames. landmarks: float32 [n, 468, 3], frame pixels."""
        if self._left < 0:
            return
        right, left = landmarks[:, RIGHT_EYE, :2].mean(1), landmarks[:, LEFT_EYE, :2].mean(1)
        reach = HALF * np.linalg.norm(left - right, axis=1).max()
        middle = landmarks[:, MOUTH_CORNERS, :2].mean(1)
        limits = np.array([self._width, self._height]) // 2
        low = 2 * np.clip(np.floor((middle - reach) / 2), 0, limits).astype(int)
        high = 2 * np.clip(np.ceil((middle + reach) / 2), 0, limits).astype(int)
        for frame, (x, y), (right_end, lower_end) in zip(frames, low.tolist(), high.tolist(), strict=True):
            inside = right_end > x and lower_end > y
            seen = _Crop(crop_yuv(frame, x, y, right_end - x, lower_end - y), x, y) if inside else None
            self._kept.append(seen)
            self._left -= seen.image.data.nbytes if seen else 0
            if self._left < 0:
                break
        if self._left < 0:
            self._kept.clear()

    def covers(self, index: int, x: int, y: int, width: int, height: int) -> bool:
        """Whether the crop of frame `index` covers this region."""
        seen = self._kept[index] if index < len(self._kept) else None
        if seen is None:
            return False
        across = _reaches(x, width, seen.x, seen.image.width, self._width)
        return across and _reaches(y, height, seen.y, seen.image.height, self._height)

    def crop_yuv(self, index: int, x: int, y: int, width: int, height: int) -> Frame:
        """`frame.crop_yuv` of frame `index`, from its crop. Only for regions that it `covers`."""
        seen = self._kept[index]
        assert seen is not None
        return crop_yuv(seen.image, x - seen.x, y - seen.y, width, height)


def _reaches(start: int, length: int, seen: int, seen_length: int, whole: int) -> bool:
    """Whether the crop holds all of an interval that lies within the frame."""
    end, seen_end = start + length, seen + seen_length
    return max(start, 0) >= seen and min(end, whole) <= seen_end and start < seen_end and end > seen
