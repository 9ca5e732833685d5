"""Evens out the colour of the lips over the exemplars, so that it does not step from one to the next.

Gloss, light and compression make one frame's lips paler than another's. What depends on opening and pose is kept; what
is left over is taken out of each exemplar. Skin colours are compared when a frame is rendered, so lips count relative
to the skin.
"""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8

SHARES = np.array([0.3, 0.5, 0.7], np.float32)
"""Where a lip is sampled, from its outer to its inner edge."""
EVENED = 0.85
"""Share of the difference that is taken out."""
LARGEST = 24.0
"""Largest correction, grey levels."""
FEATHER = 0.02
"""Blur of the lips' masks, inter-ocular distances."""
LIPS = ((mesh.UPPER_OUTER, mesh.UPPER_INNER), (mesh.LOWER_OUTER, mesh.LOWER_INNER))


def beside_skin(crop: Uint8, points: Float32) -> Float32:
    """Colour of either lip less that of the skin around, float32 [2, 3], upper lip first.

    crop: YCbCr [rows, columns, 3]; points: [468, 2], crop pixels
    """
    skin = np.median(_at(crop, points[mesh.MOUTH_SKIN][None])[0], axis=0)
    lips = [
        np.median(_at(crop, points[outer] + SHARES[:, None, None] * (points[inner] - points[outer])), axis=(0, 1))
        for outer, inner in LIPS
    ]
    return np.stack(lips) - skin  # type: ignore[no-any-return]


def unusual(colours: Float32, opening: Float32, angles: Float32) -> Float32:
    """What opening and pose do not explain of the lips' colours, float32 [n, 2, 3].

    colours: `beside_skin` [n, 2, 3]; opening: [n]; angles: degrees [n, 3]
    """
    design = np.concatenate([np.ones((len(opening), 1)), opening[:, None], opening[:, None] ** 2, angles / 30], 1)
    flat = colours.reshape(len(colours), -1)
    ridge = 1e-3 * len(design) * np.diag([0.0, *np.ones(design.shape[1] - 1)]) + 1e-6 * np.eye(design.shape[1])
    solved = np.linalg.solve(design.T @ design + ridge, design.T @ flat)
    return (flat - design @ solved).reshape(colours.shape).astype(np.float32)


def even_out(picture: Uint8, points: Float32, unit: float, difference: Float32) -> None:
    """Take a difference of colour out of the lips of a crop, in place.

    picture: I420 [rows * 3 / 2, columns]; points: [468, 2], crop pixels; difference: of either lip [2, 3]
    """
    rows, columns = len(picture) * 2 // 3, picture.shape[1]
    change = np.clip(EVENED * difference, -LARGEST, LARGEST)
    masks = [_mask(points, outer, inner, unit, rows, columns) for outer, inner in LIPS]
    chroma = picture[rows:].reshape(2, rows // 2, columns // 2)
    small = [cv2.resize(mask, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA) for mask in masks]
    for plane, lips, channel in ((picture[:rows], masks, 0), (chroma[0], small, 1), (chroma[1], small, 2)):
        offset = sum(mask * amount for mask, amount in zip(lips, change[:, channel], strict=True))
        np.copyto(plane, np.clip(plane - offset + 0.5, 0, 255).astype(np.uint8))


def _at(crop: Uint8, points: Float32) -> Float32:
    seen = cv2.remap(crop, points.astype(np.float32), np.empty(0), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def _mask(points: Float32, outer: mesh.Indices, inner: mesh.Indices, unit: float, rows: int, columns: int) -> Float32:
    """1 on a lip, falling to 0 beside it, float32 [rows, columns]."""
    corner_a, corner_b = points[mesh.MOUTH_CORNERS]
    contour = np.concatenate([[corner_a], points[outer], [corner_b], points[inner][::-1]])
    mask = np.zeros((rows, columns), np.float32)
    cv2.fillPoly(mask, [np.rint(contour * 16).astype(np.int32)], (1.0,), shift=4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(FEATHER * unit, 0.7)), np.float32)
