"""What only the picture can tell about a mouth: whether it is really shut, how sharp it is, what it looks like."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from frontend.exemplars.face import LOWER_INNER, LOWER_OUTER, STABLE, UPPER_INNER, UPPER_OUTER
from frontend.frames import Float32, Uint8

SKIN = np.array([18, 200, 199, 208, 428, 206, 426, 164])
"""Vertices on the skin around the mouth."""
THUMBNAIL = (40, 32)
"""Columns and rows of the mouth's thumbnail; 22 of its pixels are one inter-ocular distance."""


def seam_gap(crop: Uint8, points: Float32, unit: float) -> float:
    """How unlike lips the seam between them looks, from about 0 (shut) upwards.

    Teeth and the dark of the mouth are less colourful than lips; vertices 13 and 14 cannot tell a slit of teeth from
    lips that touch.

    crop: YCbCr; points: [468, 2], crop pixels; unit: inter-ocular distance, pixels
    """
    sigma = max(0.01 * unit, 0.5)
    columns = slice(2, 7)
    upper, lower = points[UPPER_INNER[columns]], points[LOWER_INNER[columns]]
    share = np.linspace(0, 1, 5, dtype=np.float32)[:, None, None]
    seam = _colourfulness(crop, upper * (1 - share) + lower * share, sigma).min(0).mean()
    outer_upper, outer_lower = points[[37, 0, 267]], points[[84, 17, 314]]
    inner_upper, inner_lower = points[[82, 13, 312]], points[[87, 14, 317]]
    lips = np.concatenate([outer_upper + inner_upper, outer_lower + inner_lower]) / 2
    return float(np.median(_colourfulness(crop, lips, sigma)) - seam)


def vermilion(crop: Uint8, points: Float32, unit: float) -> float:
    """How much lip is seen: mean chroma distance from the skin around, over the bands the mesh holds for the lips.

    Low when the lips are pressed or rolled in, which the mesh hardly notices. Arguments as for `seam_gap`.
    """
    sigma = max(0.015 * unit, 0.5)
    share = np.array([0.25, 0.5, 0.75], np.float32)[:, None, None]
    columns = slice(2, 7)
    bands = [
        points[outer[columns]] * (1 - share) + points[inner[columns]] * share
        for outer, inner in ((UPPER_OUTER, UPPER_INNER), (LOWER_OUTER, LOWER_INNER))
    ]
    chroma = crop[..., 1:]
    skin = np.median(_soft(chroma, points[SKIN], sigma), axis=0)
    return float(np.linalg.norm(_soft(chroma, np.stack(bands), sigma) - skin, axis=-1).mean())


def sharpness(crop: Uint8, points: Float32, unit: float) -> float:
    """Mean size of fine detail in the mouth's luma: low when the mouth is blurred by motion."""
    low, high = points.min(0) - 0.1 * unit, points.max(0) + 0.1 * unit
    x0, y0 = np.maximum(low.astype(int), 0)
    x1, y1 = high.astype(int) + 1
    luma = crop[y0:y1, x0:x1, 0].astype(np.float32)
    fine = luma - cv2.GaussianBlur(luma, (0, 0), max(0.012 * unit, 0.7))
    return float(np.abs(fine).mean())


def thumbnail(crop: Uint8, points: Float32, unit: float, reference: Float32) -> Float32:
    """The mouth in the canonical frame without its mean colour, float32 [32 * 40 * 3]: alike mouths are close.

    points: [468, 2] crop pixels; unit: inter-ocular distance, pixels; reference: canonical face [468, 3]
    """
    centre = reference[[61, 291], :2].mean(0)
    target = (reference[STABLE, :2] - centre) * 22 + np.array([20, 14])
    # A wide blur is dear, and the same on a picture half or a quarter the size.
    step = max(int(unit / 44), 1)
    shrunk = cv2.resize(crop, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    scaled = (points[STABLE] + 0.5) / step - 0.5
    affine = cv2.estimateAffinePartial2D(scaled, target.astype(np.float32))[0]
    soft = cv2.GaussianBlur(shrunk, (0, 0), max(unit / 22 / step, 0.5)).astype(np.float32)
    small = cv2.warpAffine(soft, affine, THUMBNAIL, borderMode=cv2.BORDER_REPLICATE)
    return (small - small.mean((0, 1))).ravel()  # type: ignore[no-any-return]


def _colourfulness(crop: Uint8, at: Float32, sigma: float) -> Float32:
    """Chroma over luma at points [..., 2]."""
    values = _soft(crop, at, sigma)
    chroma = np.hypot(values[..., 1] - 128, values[..., 2] - 128)
    return chroma / (np.maximum(values[..., 0] - 16, 0) + 8)  # type: ignore[no-any-return]


def _soft(crop: Uint8, points: Float32, sigma: float) -> Float32:
    """Pixels [..., C] nearest to points [..., 2] of the crop [rows, columns, C], blurred by a Gaussian, whole numbers.

    Only these are computed: to blur all of the crop for a few of its pixels would be the dearest step of the study.
    """
    half = min(int(np.ceil(3 * sigma)), (min(crop.shape[:2]) - 1) // 2)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    last = np.array(crop.shape[1::-1]) - 1 - 2 * half
    left, top = np.moveaxis(np.clip(np.rint(points).astype(int) - half, 0, last), -1, 0)
    windows = sliding_window_view(crop, (len(kernel), len(kernel)), (0, 1))  # type: ignore[call-overload]
    return np.rint(windows[top, left].astype(np.float32) @ kernel @ kernel)  # type: ignore[no-any-return]


def sharpened(picture: Uint8, amount: float) -> Uint8:
    """I420 [rows * 3 / 2, columns] with an unsharp mask of three by three pixels on its luma."""
    out = picture.copy()
    luma = out[: len(picture) * 2 // 3]
    cv2.addWeighted(luma, 1 + amount, cv2.GaussianBlur(luma, (3, 3), 0), -amount, 0, luma)
    return out
