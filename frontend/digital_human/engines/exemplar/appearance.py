"""Measures of a mouth that only its pixels give: whether it is really shut, how sharp it is, what it looks like."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8

COLUMNS, MIDDLE_COLUMNS = slice(2, 7), slice(3, 6)
"""Columns of the lips, of nine, that are sampled: away from the corners, and around the middle."""
BESIDE, AROUND = 0.1, 0.25
"""Distances from the lips up to which sharpness is measured, inter-ocular distances."""
THUMBNAIL = (40, 32)
"""Columns and rows of a thumbnail; 22 of its pixels are one inter-ocular distance."""
ABOUT = np.s_[4:28, 6:34]
"""Its rows and columns about the mouth."""
CHROMA = np.array([0.5, 1.5, 1.5], np.float32)
"""Weights of its channels where mouths are compared with their mirror images."""


def seam_gap(crops: Uint8, points: Float32, unit: Float32) -> Float32:
    """How little the seam between the lips looks like lips, float32 [n], from about 0 for a shut mouth upwards.

    Teeth and the dark inside of a mouth are less colourful than lips. The mesh cannot distinguish a slit of teeth from
    lips that touch.

    crops: YCbCr [n, rows, columns, 3]; points: [n, 468, 2], crop pixels; unit: inter-ocular distances [n], pixels
    """
    sigma = np.maximum(0.01 * unit, 0.5)
    upper, lower = points[:, None, mesh.UPPER_INNER[COLUMNS]], points[:, None, mesh.LOWER_INNER[COLUMNS]]
    share: Float32 = np.linspace(0, 1, 5, dtype=np.float32)[:, None, None]
    seam = _colourfulness(crops, upper * (1 - share) + lower * share, sigma).min(1).mean(1)
    outer = np.concatenate([mesh.UPPER_OUTER[MIDDLE_COLUMNS], mesh.LOWER_OUTER[MIDDLE_COLUMNS]])
    inner = np.concatenate([mesh.UPPER_INNER[MIDDLE_COLUMNS], mesh.LOWER_INNER[MIDDLE_COLUMNS]])
    lips = (points[:, outer] + points[:, inner]) / 2
    return np.median(_colourfulness(crops, lips, sigma), axis=1) - seam  # type: ignore[no-any-return]


def vermilion(crops: Uint8, points: Float32, unit: Float32) -> Float32:
    """How much lip is visible: mean chroma distance from the skin around, over the mesh's lips, float32 [n].

    Low when the lips are pressed or rolled in, which the mesh hardly shows. Arguments: see `seam_gap`.
    """
    sigma = np.maximum(0.015 * unit, 0.5)
    share = np.array([0.25, 0.5, 0.75], np.float32)[:, None, None]
    bands = [
        points[:, None, outer[COLUMNS]] * (1 - share) + points[:, None, inner[COLUMNS]] * share
        for outer, inner in ((mesh.UPPER_OUTER, mesh.UPPER_INNER), (mesh.LOWER_OUTER, mesh.LOWER_INNER))
    ]
    chroma = crops[..., 1:]
    skin = np.median(_blurred(chroma, points[:, mesh.MOUTH_SKIN], sigma), axis=1)
    lips = _blurred(chroma, np.concatenate(bands, 1), sigma)
    return np.linalg.norm(lips - skin[:, None, None], axis=-1).mean((1, 2))  # type: ignore[no-any-return]


def sharpness(crop: Uint8, points: Float32, unit: float) -> Float32:
    """Mean magnitude of fine detail in the luma of a mouth, and with the skin around, [2]: low if motion blurs it.

    crop: YCbCr [rows, columns, 3]; points: the outer lips [20, 2], crop pixels; unit: inter-ocular distance, pixels
    """
    x0, y0 = np.maximum((points.min(0) - AROUND * unit).astype(int), 0)
    x1, y1 = (points.max(0) + AROUND * unit).astype(int) + 1
    luma = crop[y0:y1, x0:x1, 0].astype(np.float32)
    fine = np.abs(luma - cv2.GaussianBlur(luma, (0, 0), max(0.012 * unit, 0.7)))
    low, high = points.min(0) - BESIDE * unit - (x0, y0), points.max(0) + BESIDE * unit - (x0, y0)
    (left, top), (right, bottom) = np.maximum(low.astype(int), 0), high.astype(int) + 1
    return np.array([fine[top:bottom, left:right].mean(), fine.mean()], np.float32)


def thumbnail(crop: Uint8, points: Float32, unit: float, reference: Float32) -> Float32:
    """The mouth in canonical pose without its mean colour, float32 [32 * 40 * 3]. Similar mouths have a small distance.

    points: [468, 2] crop pixels; unit: inter-ocular distance, pixels; reference: canonical face [468, 3]
    """
    centre = reference[mesh.MOUTH_CORNERS, :2].mean(0)
    target = (reference[mesh.STABLE, :2] - centre) * 22 + np.array([20, 14])
    # A wide blur is expensive, and the same on an image of half or a quarter of the size.
    step = max(int(unit / 44), 1)
    shrunk = cv2.resize(crop, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    scaled = (points[mesh.STABLE] + 0.5) / step - 0.5
    affine = cv2.estimateAffinePartial2D(scaled, target.astype(np.float32))[0]
    softened = cv2.GaussianBlur(shrunk, (0, 0), max(unit / 22 / step, 0.5)).astype(np.float32)
    small = cv2.warpAffine(softened, affine, THUMBNAIL, borderMode=cv2.BORDER_REPLICATE)
    return (small - small.mean((0, 1))).ravel()  # type: ignore[no-any-return]


def asymmetry(thumbnails: Float32, shut: npt.NDArray[np.bool_]) -> Float32:
    """How unlike its mirror image each mouth looks, float32 [n], over how much there is to see in a mouth.

    The mesh takes many a crooked mouth for a straight one. What shut mouths show too is the light.

    thumbnails: [n, 32 * 40 * 3], see `thumbnail`; shut: bool [n]
    """
    columns, rows = THUMBNAIL
    seen = thumbnails.reshape(-1, rows, columns, 3) * CHROMA
    other = seen - seen[:, :, ::-1]
    other -= np.median(other[shut], axis=0)
    size = [np.sqrt((one[:, ABOUT[0], ABOUT[1]] ** 2).mean((1, 2, 3))) for one in (other, seen)]
    return np.asarray(size[0] / (np.median(size[1]) + 1e-6), np.float32)


def _colourfulness(crops: Uint8, at: Float32, sigma: Float32) -> Float32:
    """Chroma over luma at points [n, ..., 2]."""
    values = _blurred(crops, at, sigma)
    chroma = np.hypot(values[..., 1] - 128, values[..., 2] - 128)
    return chroma / (np.maximum(values[..., 0] - 16, 0) + 8)  # type: ignore[no-any-return]


def _blurred(crops: Uint8, points: Float32, sigma: Float32) -> Float32:
    """Pixels [n, ..., C] nearest to points [n, ..., 2] of crops [n, rows, columns, C], after a Gaussian blur, rounded.

    sigma: [n]
    Only these pixels are computed: blurring whole crops would take most of the time of an analysis.
    """
    count, rows, columns = crops.shape[:3]
    half = np.minimum(np.ceil(3 * sigma), (min(rows, columns) - 1) // 2)
    side = int(half.max())
    step = np.arange(-side, side + 1)
    kernel = np.exp(-0.5 * (step / sigma[:, None]) ** 2) * (np.abs(step) <= half[:, None])
    kernel = (kernel / kernel.sum(1, keepdims=True)).astype(np.float32)
    at = points.reshape(count, -1, 2)
    left, top = np.moveaxis(
        np.clip(np.rint(at).astype(int) - side, 0, [columns - 1 - 2 * side, rows - 1 - 2 * side]), -1, 0
    )
    windows = sliding_window_view(crops, (len(step), len(step)), (1, 2))  # type: ignore[call-overload]
    seen = windows[np.arange(count)[:, None], top, left].astype(np.float32)
    blurred = (seen @ kernel[:, None, None, :, None])[..., 0] @ kernel[:, None, :, None]
    return np.rint(blurred[..., 0]).reshape(*points.shape[:-1], -1)  # type: ignore[no-any-return]


def sharpened(image: Uint8, amount: float) -> Uint8:
    """I420 [rows * 3 / 2, columns] with an unsharp mask of three by three pixels applied to its luma."""
    out = image.copy()
    luma = out[: len(image) * 2 // 3]
    cv2.addWeighted(luma, 1 + amount, cv2.GaussianBlur(luma, (3, 3), 0), -amount, 0, luma)
    return out
