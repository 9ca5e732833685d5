"""Where the lips end, by their colour: the mesh finds their inner edges only to a few pixels.

What lies between parted lips is dark, or pale like teeth. Each of nine columns of the lips is followed from the middle
of the upper lip to that of the lower one, to where this begins and ends.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.engines.exemplar import lip_geometry

EVERY, INNER, MIDDLE = slice(0, 9), slice(2, 7), slice(3, 6)
SAMPLES = 33
"""Columns: all nine, and five and three of them about the middle; and samples of a column."""
DARK, PALE = 0.6, 0.62
"""Luma and colourfulness below these shares of the lips' own are not lips."""
FLESH = 0.35
"""Part of the way into a lip, from its inner edge by the mesh, at which it surely is lip."""
BESIDE = 0.12
"""Share of an opening next to either lip in which lips and what lies between them run together."""
TAPER = np.array([0.2, 0.6, 1, 1, 1, 1, 1, 0.6, 0.2], np.float32)
"""Of the columns: next to the corners, lips are too thin to be told apart."""
FARTHEST = 0.06
"""Largest distance that is believed, inter-ocular distances."""
SLIVER = 0.05
"""Sum of the heights of nine columns, inter-ocular distances, at which half of what they show is believed."""


def beyond_mesh(crop: Uint8, points: Float32, unit: float) -> Float32:
    """How far the edges of the lips lie outside those of the mesh, float32 [2, 9], inter-ocular distances, 0 or more.

    Upper lip first; columns from right to left, as in `landmarks.UPPER_INNER`.

    crop: YCbCr [rows, columns, 3]; points: [468, 2], crop pixels; unit: inter-ocular distance, pixels
    """
    upper, lower = points[mesh.UPPER_INNER], points[mesh.LOWER_INNER]
    top, bottom, luma, (blue, red) = _columns(crop, points)
    apart = _unlike_lips(luma, np.hypot(blue, red))
    first = np.where(apart.any(1), apart.argmax(1), SAMPLES // 2)
    last = np.where(apart.any(1), SAMPLES - 1 - apart[:, ::-1].argmax(1), SAMPLES // 2)
    length = np.linalg.norm(bottom - top, axis=1) / unit
    edge = np.stack([first, SAMPLES - 1 - last]) / (SAMPLES - 1) * length
    flesh = np.stack([np.linalg.norm(top - upper, axis=1), np.linalg.norm(bottom - lower, axis=1)]) / unit
    outside = np.clip(flesh - edge, 0, FARTHEST)
    return (_median_of_three(outside) * TAPER).astype(np.float32)


def flesh_between(crop: Uint8, points: Float32) -> float:
    """Share of an opening that looks like lip or tongue from the lower lip upwards, of five columns about the middle.

    Above 1 if it goes on into the upper lip. By redness: of pale lips, teeth are as colourful, but never as red.

    crop: YCbCr [rows, columns, 3]; points: [468, 2], crop pixels
    """
    top, bottom, luma, (_, red) = _columns(crop, points, INNER)
    apart = _unlike_lips(luma, red)
    upper, lower = points[mesh.UPPER_INNER[INNER]], points[mesh.LOWER_INNER[INNER]]
    run = np.where(apart.any(1), apart[:, ::-1].argmax(1), SAMPLES - 1) / (SAMPLES - 1)
    inside = run * np.linalg.norm(bottom - top, axis=1) - np.linalg.norm(bottom - lower, axis=1)
    opening = np.linalg.norm(lower - upper, axis=1).max()
    return float(np.median(np.maximum(inside, 0)) / max(opening, 1))


def between(crop: Uint8, points: Float32) -> tuple[float, float]:
    """Shares of an opening that look like teeth, and like lips or a tongue, of five columns about the middle.

    The rest is dark. crop, points: see `flesh_between`
    """
    top, bottom, luma, (_, red) = _columns(crop, points, INNER)
    usual = _usual(luma, red)
    dark, pale = luma < DARK * usual[0], red < PALE * usual[1]
    length = np.linalg.norm(bottom - top, axis=1)
    begin = np.linalg.norm(points[mesh.UPPER_INNER[INNER]] - top, axis=1) / length
    end = 1 - np.linalg.norm(bottom - points[mesh.LOWER_INNER[INNER]], axis=1) / length
    margin = BESIDE * (end - begin)
    share = np.linspace(0, 1, SAMPLES)
    inside = (share >= (begin + margin)[:, None]) & (share <= (end - margin)[:, None])
    count = max(int(inside.sum()), 1)
    return float((inside & ~dark & pale).sum() / count), float((inside & ~dark & ~pale).sum() / count)


def aside(crop: Uint8, points: Float32, unit: float) -> float:
    """On which side the lips part, from -1, only at the right corner, to 1; about 0 for most mouths.

    The mesh opens a mouth evenly even where it is shut on one side. Arguments: see `beyond_mesh`.
    """
    top, bottom, luma, (_, red) = _columns(crop, points)
    parted = _unlike_lips(luma, red).mean(1) * np.linalg.norm(bottom - top, axis=1) / unit
    return float((parted * np.linspace(-1, 1, len(parted))).sum() / (parted.sum() + SLIVER))


def _columns(crop: Uint8, points: Float32, which: slice = EVERY) -> tuple[Float32, Float32, Float32, Float32]:
    """Ends of columns from lip to lip, float32 [c, 2] each, and their samples: luma [c, 33], chroma over it [2, c, 33].

    crop, points: see `flesh_between`
    """
    upper, lower = points[mesh.UPPER_INNER[which]], points[mesh.LOWER_INNER[which]]
    top = upper + FLESH * (points[mesh.UPPER_OUTER[which]] - upper)
    bottom = lower + FLESH * (points[mesh.LOWER_OUTER[which]] - lower)
    share = np.linspace(0, 1, SAMPLES, dtype=np.float32)[None, :, None]
    at = (top[:, None] * (1 - share) + bottom[:, None] * share).astype(np.float32)
    sampled = cv2.remap(crop, at, np.empty(0), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    seen = np.asarray(cv2.blur(sampled, (3, 3), borderType=cv2.BORDER_REPLICATE), np.float32)
    luma = np.maximum(seen[..., 0] - 16, 0)
    return top, bottom, luma, np.moveaxis(seen[..., 1:] - 128, 2, 0) / (luma + 8)


def _unlike_lips(luma: Float32, colour: Float32) -> npt.NDArray[np.bool_]:
    """Which samples of columns, [c, 33], are darker or paler than lips, of which their ends are made."""
    usual = _usual(luma, colour)
    return np.asarray((luma < DARK * usual[0]) | (colour < PALE * usual[1]))


def _usual(luma: Float32, colour: Float32) -> Float32:
    """Luma and colourfulness of the lips, [2], by the ends of columns."""
    lip = np.stack([luma, colour], 2)
    return np.median(np.concatenate([lip[:, :3], lip[:, -3:]], 1), axis=(0, 1))  # type: ignore[no-any-return]


def parted_further(outside: Float32) -> Float32:
    """How much farther apart the lips are than by the mesh, in the middle, float32 [n]. outside: [n, 2, 9]"""
    return outside[..., MIDDLE].sum(1).mean(1)  # type: ignore[no-any-return]


def outwards(points: Float32, depth: Float32) -> Float32:
    """Shifts [n, V, 2] that move the inner edges of lips into the flesh.

    points: landmarks [n, V, 2]; depth: of either lip in its nine columns, inter-ocular distances [n, 2, 9]
    """
    amount = depth[..., None] * lip_geometry.interocular(points)[:, None, None, None]
    across = points[:, mesh.LOWER_OUTER] - points[:, mesh.UPPER_OUTER]
    across /= np.linalg.norm(across, axis=2, keepdims=True)
    shift = np.zeros_like(points)
    shift[:, mesh.UPPER_INNER] = -amount[:, 0] * across
    shift[:, mesh.LOWER_INNER] = amount[:, 1] * across
    return shift


def _median_of_three(values: Float32) -> Float32:
    """Along the second axis; the ends repeat."""
    padded = np.pad(values, ((0, 0), (1, 1)), "edge")
    return np.median(np.stack([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]]), axis=0)  # type: ignore[no-any-return]
