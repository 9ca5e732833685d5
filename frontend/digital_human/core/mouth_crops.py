"""What lies around the mouth, kept while a face is followed.

A template that does not fit into memory would be decoded once more for its mouths alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digital_human.core.frame import Float32, Frame, crop_yuv

CORNERS = [61, 291]
RIGHT_EYE, LEFT_EYE = [33, 133], [362, 263]
"""Vertices of the face mesh: the mouth's corners, and each eye's."""
HALF = np.array([1.15, 1.25])
"""Half of a close-up's width and height, distances between the eyes: six talking heads needed hardly less."""
MAX_BYTES = 128 * 2**20


@dataclass(frozen=True)
class _CloseUp:
    """picture is what the frame shows from (x, y) on, frame pixels."""

    picture: Frame
    x: int
    y: int


class CloseUps:
    """Of the frames of one template, width by height pixels. There are none where they would be too large together."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._kept: list[_CloseUp | None] = []
        self._left = MAX_BYTES

    def keep(self, frames: Sequence[Frame], landmarks: Float32) -> None:
        """The next frames; landmarks: float32 [n, 468, 3], frame pixels."""
        if self._left < 0:
            return
        right, left = landmarks[:, RIGHT_EYE, :2].mean(1), landmarks[:, LEFT_EYE, :2].mean(1)
        reach = HALF * np.linalg.norm(left - right, axis=1).max()
        middle = landmarks[:, CORNERS, :2].mean(1)
        limits = np.array([self._width, self._height]) // 2
        low = 2 * np.clip(np.floor((middle - reach) / 2), 0, limits).astype(int)
        high = 2 * np.clip(np.ceil((middle + reach) / 2), 0, limits).astype(int)
        for frame, (x, y), (right_end, lower_end) in zip(frames, low.tolist(), high.tolist(), strict=True):
            inside = right_end > x and lower_end > y
            seen = _CloseUp(crop_yuv(frame, x, y, right_end - x, lower_end - y), x, y) if inside else None
            self._kept.append(seen)
            self._left -= seen.picture.data.nbytes if seen else 0
        if self._left < 0:
            self._kept.clear()

    def shows(self, index: int, x: int, y: int, width: int, height: int) -> bool:
        """Whether frame `index` has a close-up that reaches so far."""
        seen = self._kept[index] if index < len(self._kept) else None
        if seen is None:
            return False
        across = _reaches(x, width, seen.x, seen.picture.width, self._width)
        return across and _reaches(y, height, seen.y, seen.picture.height, self._height)

    def crop_yuv(self, index: int, x: int, y: int, width: int, height: int) -> Frame:
        """What `frame.crop_yuv` gives for frame `index`, where its close-up `shows` that much."""
        seen = self._kept[index]
        assert seen is not None
        return crop_yuv(seen.picture, x - seen.x, y - seen.y, width, height)


def _reaches(start: int, length: int, seen: int, seen_length: int, whole: int) -> bool:
    """Whether the close-up holds all of a stretch that is in the picture."""
    end, seen_end = start + length, seen + seen_length
    return max(start, 0) >= seen and min(end, whole) <= seen_end and start < seen_end and end > seen
