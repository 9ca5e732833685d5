"""Masks of what is in front of a face, for every frame of a template, and how pictures keep it in front."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Frame, Uint8
from digital_human.core.smoothing import smoothstep

SIZE = 128
"""Rows and columns of a mask."""
HALF = 1.2
"""How far a mask reaches from its centre, inter-ocular distances: all that is drawn lies within."""
UNIT = SIZE / (2 * HALF)
"""Pixels of a mask to one inter-ocular distance."""
FEATHER = 1.6
"""Standard deviation of the soft edge around a mask, its pixels: where drawn and untouched picture meet."""
ENOUGH = 25
"""Frames with nothing near the mouth from which on no others are used."""
STILL = 0.3
"""Within this distance of an occluder the face is moved less and less, inter-ocular distances."""

Indices = npt.NDArray[np.int64]
Box = tuple[int, int, int, int]
"""x, y, width and height, even numbers of pixels."""


@dataclass(frozen=True)
class Cover:
    """Of a template of T frames.

    maps:     float32 [T, 2, 3], frame pixels -> mask pixels
    packed:   uint8 [bytes], the masks that are not empty, one after another, zlib
    ends:     int64 [T], where each frame's mask ends in `packed`; an empty one takes no bytes
    hidden:   float32 [T], 0-1, the share of the lips that is covered
    near:     float32 [T], 0-1, the share of the lips and of what lies around them, as far as a mouth is drawn
    unsure:   bool [T], where the network could not say for a while whether they are
    through:  float32 [T], 0-1, how far a frame is shown as it is: 1 where there is no mouth to be seen
    """

    maps: Float32
    packed: Uint8
    ends: Indices
    hidden: Float32
    near: Float32
    unsure: npt.NDArray[np.bool_]
    through: Float32

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Any) -> Cover:
        return cls(**{field.name: np.asarray(arrays[field.name]) for field in fields(cls)})

    @property
    def touched(self) -> npt.NDArray[np.bool_]:
        """[T], frames in which something is in front of the face."""
        return np.diff(self.ends, prepend=0) > 0

    def mask(self, frame: int) -> Uint8 | None:
        """[SIZE, SIZE], 255 where something is in front of frame `frame`; None where nothing is."""
        start, end = self._place(frame)
        if start == end:
            return None
        return np.frombuffer(zlib.decompress(self.packed[start:end].tobytes()), np.uint8).reshape(SIZE, SIZE)

    def uncovered(self, frames: Indices) -> Indices:
        """Those of `frames` that may show others how the mouth looks.

        Nothing is near the mouth in them; where that is so in too few, nothing is in front of the lips.
        """
        free = frames[self.near[frames] == 0]
        return np.asarray(free if len(free) >= ENOUGH else frames[self.hidden[frames] == 0])

    def freedom(self, frame: int, points: Float32) -> Float32:
        """How freely the face may move at `points` [K, 2], frame pixels: 0 on an occluder, 1 far from it, [K]."""
        mask = self.mask(frame)
        if mask is None:
            return np.ones(len(points), np.float32)
        distance = cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 5) / UNIT
        at = np.rint(points @ self.maps[frame, :, :2].T + self.maps[frame, :, 2]).astype(np.int64)
        at = np.clip(at, 0, SIZE - 1)
        return smoothstep(distance[at[:, 1], at[:, 0]] / STILL).astype(np.float32)

    def softened(self, frame: int, box: Box, step: int = 1, of: int | None = None) -> Uint8 | None:
        """The mask with a soft edge around it in a rectangle of frame `frame`, [height, width] / step.

        None where nothing is in front. step: 2 for chroma, 4 for masks at a quarter
        of: another frame whose mask it is, as if the face were in the pose of this one
        """
        mask = self.mask(frame if of is None else of)
        x, y, width, height = box
        shape = (width // step, height // step)
        if mask is None:
            return None
        grown = cv2.dilate(mask, _DISC)
        soft = np.maximum(cv2.GaussianBlur(grown, (0, 0), FEATHER), mask)
        # Pixel p of the result lies at (p + 1/2) step - 1/2 in the rectangle.
        linear = self.maps[frame, :, :2].astype(np.float64)
        origin = np.array([x, y]) + (step - 1) / 2
        matrix = np.column_stack([linear * step, linear @ origin + self.maps[frame, :, 2]])
        seen = cv2.warpAffine(soft, matrix, shape, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        return np.asarray(seen, np.uint8)

    def restore(self, frame: int, before: Frame, drawn: Frame) -> None:
        """Put what is in front back into `drawn`, which was drawn over frame `frame` of the template, `before`."""
        start, end = self._place(frame)
        if start == end:
            return
        box = self._rectangle(frame, before.width, before.height)
        x, y, width, height = box
        if width <= 0 or height <= 0:
            return
        for step, planes in ((1, (0,)), (2, (1, 2))):
            seen = self.softened(frame, box, step)
            assert seen is not None
            region = np.s_[y // step : (y + height) // step, x // step : (x + width) // step]
            for plane in planes:
                _mix(drawn.planes[plane][region], before.planes[plane][region], seen)

    def changed(self, frame: int, before: Frame, drawn: Frame) -> float:
        """Share of the pixels in front of frame `frame` whose luma changed by more than 3 levels."""
        x, y, width, height = box = self._rectangle(frame, before.width, before.height)
        seen = self.softened(frame, box) if width > 0 and height > 0 else None
        if seen is None or not (solid := seen == 255).any():
            return 0.0
        region = np.s_[y : y + height, x : x + width]
        change = np.abs(before.planes[0][region].astype(np.int16) - drawn.planes[0][region])
        return float((change[solid] > 3).mean())

    def _place(self, frame: int) -> tuple[int, int]:
        """Where the mask of a frame lies in `packed`."""
        return int(self.ends[frame - 1]) if frame else 0, int(self.ends[frame])

    def _rectangle(self, frame: int, width: int, height: int) -> Box:
        """What the mask of a frame covers of it, even: x, y, width, height."""
        back = cv2.invertAffineTransform(self.maps[frame].astype(np.float64))
        corners = np.array([[0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]]) - 0.5
        at = corners @ back[:, :2].T + back[:, 2]
        low = np.clip(np.floor(at.min(0) / 2), 0, [width // 2, height // 2]).astype(int) * 2
        high = np.clip(np.ceil(at.max(0) / 2), 0, [width // 2, height // 2]).astype(int) * 2
        return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))


def _mix(drawn: Uint8, before: Uint8, share: Uint8) -> None:
    """drawn <- drawn + (before - drawn) * share / 255, in place; exactly `before` where share is 255."""
    part = share > 0
    if not part.any():
        return
    a, b, s = drawn[part].astype(np.int32), before[part].astype(np.int32), share[part].astype(np.int32)
    drawn[part] = (a * 255 + (b - a) * s + 127) // 255


def pack(masks: list[Uint8 | None]) -> tuple[Uint8, Indices]:
    """`packed` and `ends` of a `Cover`."""
    parts = [b"" if mask is None else zlib.compress(mask.tobytes(), 6) for mask in masks]
    return np.frombuffer(b"".join(parts), np.uint8), np.cumsum([len(part) for part in parts]).astype(np.int64)
