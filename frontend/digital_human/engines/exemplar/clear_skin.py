"""Takes a mouth off the face on which another, much calmer one is drawn.

Of lips pulled aside, or stretched over the chin, the mesh sees a part only, and skin that folds with them is drawn out.
What was left of them would be seen beside the new ones, as a red chin.
"""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.core.landmarks import Indices
from digital_human.core.smoothing import smoothstep

RED = (3.0, 8.0)
"""Redness beyond that of the skin, levels of Cr, from which on a pixel is cleared, and cleared altogether."""
LIPS, FEATHER = 0.14, 0.04
"""How far around the lips of the mesh pixels tell nothing of the skin, and the blur of what is cleared, inter-ocular
distances."""
NEAR = 0.2
"""Blur with which skin flows in from around, inter-ocular distances."""
LEAST = 0.01
"""Share of skin in this blur below which a pixel is cleared less: nothing tells how it should look."""


def clear(picture: Uint8, points: Float32, hull: Indices, unit: float, strength: float = 1.0) -> None:
    """Put skin in the place of the mouth and of all that is red around it, in a crop, in place.

    picture: I420 [rows * 3 / 2, columns]; points: landmarks [468, 2], crop pixels; hull: vertices of the lower face;
    unit: inter-ocular distance, pixels; strength: 0-1
    """
    rows, columns = len(picture) * 2 // 3, picture.shape[1]
    half, small = (columns // 2, rows // 2), unit / 2
    luma, chroma = picture[:rows], picture[rows:].reshape(2, rows // 2, columns // 2)
    seen = np.stack([cv2.resize(luma, half, interpolation=cv2.INTER_AREA), *chroma], 2).astype(np.float32)
    at = (points + 0.5) / 2 - 0.5
    x, y = np.rint(at[mesh.LOWER_FACE_SKIN]).astype(int).T.clip(0, [[half[0] - 1], [half[1] - 1]])
    usual = float(np.median(seen[y, x, 2]))
    low, high = RED
    red = smoothstep((seen[..., 2] - usual - low) / (high - low))
    face, lips = (_filled(at[of], half) for of in (hull, mesh.OUTER_LIPS))
    around = cv2.dilate(lips, np.ones((2 * int(LIPS * small) + 1,) * 2, np.uint8))
    mouth = np.maximum(around, red) * face
    skin = (face - mouth).astype(np.float32)
    sigma = NEAR * small
    weight = cv2.GaussianBlur(skin, (0, 0), sigma)
    flowing = cv2.GaussianBlur(seen * skin[..., None], (0, 0), sigma) / np.maximum(weight, 1e-3)[..., None]
    wide = cv2.dilate(mouth.astype(np.float32), np.ones((2 * int(FEATHER * small) + 3,) * 2, np.uint8))
    share = strength * np.minimum(weight / LEAST, 1) * cv2.GaussianBlur(wide, (0, 0), FEATHER * small)
    for plane, channel in ((luma, 0), (chroma[0], 1), (chroma[1], 2)):
        size = plane.shape[::-1]
        fresh, part = (cv2.resize(one, size) for one in (flowing[..., channel], share))
        np.copyto(plane, (plane + part * (fresh - plane) + 0.5).astype(np.uint8))


def _filled(points: Float32, size: tuple[int, int]) -> Uint8:
    """1 in the convex hull of points, uint8 [rows, columns]. size: columns, rows"""
    mask = np.zeros(size[::-1], np.uint8)
    hull = cv2.convexHull(points.astype(np.float32))[:, 0]
    cv2.fillConvexPoly(mask, np.rint(hull * 16).astype(np.int32), (1,), shift=4)
    return mask
