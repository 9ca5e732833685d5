"""A video frame, and the few operations on its pixels.

Frames stay in planar YUV 4:2:0 from the decoder to the encoder, the mouth region included: pixels that nobody touches
keep their exact bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Uint8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Matrix = Literal["bt601", "bt709"]

# Limited-range YCbCr -> full-range RGB, rows R, G, B over (Y, Cb, Cr, 1).
_TO_RGB: dict[Matrix, Float32] = {
    "bt601": np.array([[1.164384, 0, 1.596027, -222.921], [1.164384, -0.391762, -0.812968, 135.576],
                       [1.164384, 2.017232, 0, -276.836]], np.float32),
    "bt709": np.array([[1.164384, 0, 1.792741, -248.101], [1.164384, -0.213249, -0.532909, 76.878],
                       [1.164384, 2.112402, 0, -289.018]], np.float32),
}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One image, I420, limited range.

    data:   uint8 [height * 3 / 2, width]; height and width are even
    matrix: the YCbCr matrix
    alpha:  uint8 [height, width], 255 where it is opaque; None where it is so everywhere. It is never written to. The
            colours are not multiplied with it (straight alpha), and black where nothing of them shows.
    """

    data: Uint8
    matrix: Matrix
    alpha: Uint8 | None = None

    @property
    def width(self) -> int:
        return int(self.data.shape[1])

    @property
    def height(self) -> int:
        return int(self.data.shape[0]) * 2 // 3

    @property
    def planes(self) -> tuple[Uint8, Uint8, Uint8]:
        """Views of Y [H, W], Cb [H/2, W/2] and Cr [H/2, W/2]; writing to them writes to `data`."""
        h, w = self.height, self.width
        chroma = self.data[h:].reshape(2, h // 2, w // 2)
        return self.data[:h], chroma[0], chroma[1]

    def copy(self) -> Frame:
        return Frame(self.data.copy(), self.matrix, self.alpha)


def yuv_to_rgb(image: Uint8, matrix: Matrix) -> Uint8:
    """uint8 [..., H, W, 3] limited-range YCbCr -> uint8 RGB of the same shape."""
    flat = cv2.transform(image.reshape(-1, 1, 3), _TO_RGB[matrix])
    return np.asarray(flat, np.uint8).reshape(image.shape)


def rgb_to_yuv(image: Uint8, matrix: Matrix) -> Uint8:
    """uint8 [..., H, W, 3] RGB -> uint8 limited-range YCbCr of the same shape."""
    m = np.vstack([_TO_RGB[matrix], np.array([0, 0, 0, 1], np.float32)])
    flat = cv2.transform(image.reshape(-1, 1, 3), np.linalg.inv(m)[:3])
    return np.asarray(flat, np.uint8).reshape(image.shape)


def from_yuv(image: Uint8, matrix: Matrix) -> Frame:
    """A frame from an image of full chroma: uint8 [H, W, 3] YCbCr, H and W even."""
    rows, columns = image.shape[:2]
    frame = Frame(np.empty((rows * 3 // 2, columns), np.uint8), matrix)
    half = cv2.resize(image, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    for plane, part in zip(frame.planes, (image[..., 0], half[..., 1], half[..., 2]), strict=True):
        plane[...] = part
    return frame


def crop(frame: Frame, x: int, y: int, width: int, height: int) -> Uint8:
    """A region as uint8 [height, width, 3] YCbCr 4:4:4. Outside the frame the edge repeats.

    x, y, width and height are even.
    """
    luma, *chroma = crop_yuv(frame, x, y, width, height).planes
    return cv2.merge([luma, *(_upsample(c) for c in chroma)])  # type: ignore[return-value]


def crop_yuv(frame: Frame, x: int, y: int, width: int, height: int) -> Frame:
    """A region as a separate frame. Outside the frame the edge repeats. x, y, width and height are even."""
    luma, *chroma = frame.planes
    region = Frame(np.empty((height * 3 // 2, width), np.uint8), frame.matrix)
    for part, plane, step in zip(region.planes, (luma, *chroma), (1, 2, 2), strict=True):
        part[...] = _clamped(plane, x // step, y // step, width // step, height // step)
    return region


def insert_yuv(frame: Frame, region: Frame, x: int, y: int) -> None:
    """Write an edited region of `crop_yuv` back in place. What lies outside the frame is dropped."""
    for plane, part, step in zip(frame.planes, region.planes, (1, 2, 2), strict=True):
        left, top = x // step, y // step
        x0, y0 = max(left, 0), max(top, 0)
        inside = plane[y0 : max(top + part.shape[0], 0), x0 : max(left + part.shape[1], 0)]
        inside[...] = part[y0 - top :, x0 - left :][: inside.shape[0], : inside.shape[1]]


def paste(frame: Frame, before: Uint8, after: Uint8, x: int, y: int) -> None:
    """Write an edited region of `crop` back in place: `before` as `crop` returned it, `after` edited.

    Chroma changes by the mean change of each 2x2 block, so a block that did not change keeps its exact bytes.
    """
    h, w = before.shape[:2]
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + w, frame.width), min(y + h, frame.height)
    if x1 <= x0 or y1 <= y0:
        return
    inner = np.s_[y0 - y : y1 - y, x0 - x : x1 - x]
    luma, *chroma = frame.planes
    changed = after[inner]
    luma[y0:y1, x0:x1] = changed[..., 0]
    delta = cv2.subtract(changed, before[inner], dtype=cv2.CV_32F)
    half = cv2.resize(delta, ((x1 - x0) // 2, (y1 - y0) // 2), interpolation=cv2.INTER_AREA)
    for k, plane in enumerate(chroma):
        region = plane[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
        region[...] = np.clip(np.rint(region + half[..., k + 1]), 0, 255).astype(np.uint8)


def warp_rgb(frame: Frame, affine: npt.NDArray[np.float64], size: int) -> Uint8:
    """uint8 [size, size, 3] RGB, the frame warped by `affine`, float64 [2, 3], frame pixels -> crop pixels.

    size is even. Chroma has half the resolution, as in the frame.
    """
    region = Frame(np.empty((size * 3 // 2, size), np.uint8), frame.matrix)
    # The same map between pixels of chroma, whose centres lie half a luma pixel further.
    half = affine.copy()
    half[:, 2] = (affine[:, 2] + affine[:, :2] @ np.array([0.5, 0.5]) - 0.5) / 2
    for plane, target, matrix in zip(frame.planes, region.planes, (affine, half, half), strict=True):
        shape = target.shape[::-1]
        cv2.warpAffine(plane, matrix, shape, target, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
    return yuv_to_rgb(crop(region, 0, 0, size, size), frame.matrix)


def _clamped(plane: Uint8, x: int, y: int, width: int, height: int) -> Uint8:
    h, w = plane.shape
    if x >= 0 and y >= 0 and x + width <= w and y + height <= h:
        return plane[y : y + height, x : x + width]
    x0, y0 = min(max(x, 0), w - 1), min(max(y, 0), h - 1)
    x1, y1 = max(min(x + width, w), x0 + 1), max(min(y + height, h), y0 + 1)
    beside, beyond = width - (x1 - x0), height - (y1 - y0)
    left, top = min(max(-x, 0), beside), min(max(-y, 0), beyond)
    inside = plane[y0:y1, x0:x1]
    return cv2.copyMakeBorder(inside, top, beyond - top, left, beside - left, cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _upsample(plane: Uint8) -> Uint8:
    h, w = plane.shape
    return cv2.resize(plane, (w * 2, h * 2), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
