"""Hard cuts: where one frame does not continue the one before."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame

THUMBNAIL = 32
"""Side of the thumbnails that are compared, pixels."""
CUT, CUT_RATIO = 8.0, 2.5
"""Least change of a cut: mean difference of luma, levels, and times the change of the frames around it.

Of people who talk and move in front of a camera few frames change by 8 levels, and then the frames around them change
as much. Cuts to another picture change 40 to 90, a cut to the same picture enlarged by a tenth 8 to 27.
"""
BREAK, BREAK_RATIO = 0.35, 4.0
"""Least shift of a face in a jump cut, inter-ocular distances, and times its shift in the frames around it."""
REACH = 2
"""Frames before and after with which a change is compared."""


class CutFinder:
    """Finds the first frames of shots in frames that come in order, by their pixels."""

    def __init__(self) -> None:
        self._last: Float32 | None = None
        self._changes: list[float] = []

    def starts(self, frames: Sequence[Frame]) -> npt.NDArray[np.bool_]:
        """bool [n], whether each of the next frames is the first of a shot; the very first frame is not."""
        thumbnails = [_thumbnail(frame) for frame in frames]
        first = thumbnails[0] if self._last is None else self._last
        changes = [
            float(np.abs(now - before).mean()) for before, now in zip([first, *thumbnails], thumbnails, strict=False)
        ]
        known = len(self._changes)
        found = stands_out(np.array(self._changes + changes), CUT, CUT_RATIO)[known:]
        self._last, self._changes = thumbnails[-1], (self._changes + changes)[-REACH:]
        return found


def track_breaks(landmarks: Float32, present: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """bool [T], whether the face jumps between a frame and the one before, as in a cut that hardly changes the picture.

    landmarks: float32 [T, 468, 3], before smoothing; present: bool [T]
    """
    if len(landmarks) < 2:
        return np.zeros(len(landmarks), np.bool_)
    points = landmarks[:, mesh.STABLE, :2]
    unit = np.linalg.norm(points[:, 0] - points[:, 3], axis=1)
    step = np.median(np.linalg.norm(np.diff(points, axis=0), axis=2), axis=1) / np.maximum(unit[1:], 1)
    both = present[1:] & present[:-1]
    shift = np.concatenate([[0.0], np.where(both, step, 0)])
    return stands_out(shift, BREAK, BREAK_RATIO)


def stands_out(values: npt.NDArray[np.float64], least: float, ratio: float) -> npt.NDArray[np.bool_]:
    """bool [n], where values are at least `least` and `ratio` times the median of those around them."""
    result = np.zeros(len(values), np.bool_)
    for k in np.flatnonzero(values >= least):
        around = np.concatenate([values[max(k - REACH, 0) : k], values[k + 1 : k + 1 + REACH]])
        result[k] = not around.size or values[k] >= ratio * np.median(around)
    return result


def _thumbnail(frame: Frame) -> Float32:
    """Luma, float32 [32, 32]. Large frames are thinned first: that is much quicker, and noise averages out anyway."""
    luma = frame.planes[0]
    step = max(min(luma.shape) // (4 * THUMBNAIL), 1)
    small = cv2.resize(np.ascontiguousarray(luma[::step, ::step]), (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)
