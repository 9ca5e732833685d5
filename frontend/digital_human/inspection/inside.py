"""What lies between the lips of a mouth: a tongue, or an opening in the wrong place."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.inspection.views import SIDE, UNIT

LEAST = 30
"""Pixels of a view between the lips from which on anything can be told."""
LIT, PALE, RED, DARK = 0.62, 0.8, 0.25, 0.5
"""Luma over that of the skin: flesh in the light has the first and more, unless it has the second and is less red than
the third, which are teeth. The fourth and less is the dark of a mouth."""
FILLED, SHADED, SOLID = 0.3, 0.22, 0.006
"""A tongue fills the first share of a mouth and more, leaves less than the second dark, and is a piece of more than
the third, square inter-ocular distances, without its rim: teeth with red edges are not."""
NEW, DARKER, ABOVE, BELOW = 0.62, 0.12, 0.35, 0.45
"""Where a mouth opened: luma over that of the skin that has become less than the first, by the second, at most so far
above and below where the lips met, inter-ocular distances."""
SHUT = 0.06
"""Opening of lips that meet, inter-ocular distances."""
COLUMNS = slice(2, 7)
"""Of the vertices along each lip, those in its middle."""


def tongues(views: Uint8, points: Float32, skin: Float32, lip: Float32) -> Float32:
    """Area of the flesh in the light between the lips, square inter-ocular distances [n]; 0 where it is no tongue.

    A tongue behind the teeth lies in their shadow, and a mouth wide open shows the dark. One that is put out does not.
    points: landmarks in the views [n, 468, 2]; skin, lip: see `Person`
    """
    return np.array([_tongue(picture, one, skin, lip) for picture, one in zip(views, points, strict=True)], np.float32)


def beside(before: Uint8, after: Uint8, points: Float32, skin: Float32) -> Float32:
    """How far below the line on which shut lips meet a mouth opens, inter-ocular distances [n]; less where it does not.

    before, after: views of the template's mouths and of the drawn ones; points: landmarks of the former
    """
    some = zip(before, after, points, strict=True)
    below = np.array([_beside(old, new, one, float(skin[0])) for old, new, one in some], np.float32)
    gap = np.linalg.norm(points[:, mesh.UPPER_LIP_EDGE] - points[:, mesh.LOWER_LIP_EDGE], axis=1) / UNIT
    return np.where(gap < SHUT, below, 0).astype(np.float32)


def _tongue(picture: Uint8, points: Float32, skin: Float32, lip: Float32) -> float:
    mouth = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mouth, [np.rint(points[mesh.INNER_LIPS] * 8).astype(np.int32)], [1], shift=3)
    within: npt.NDArray[np.bool_] = cv2.erode(mouth, np.ones((3, 3), np.uint8)) > 0
    size = np.count_nonzero(within)
    if size < LEAST:
        return 0.0
    light = picture[..., 0] / max(float(skin[0]), 1.0)
    red = (picture[..., 1] - skin[1]) / max(float(lip[1] - skin[1]), 6.0)
    flesh = within & (light > LIT) & ~((light > PALE) & (red < RED))
    area = np.count_nonzero(flesh)
    if area <= FILLED * size or np.count_nonzero(within & (light < DARK)) >= SHADED * size:
        return 0.0
    solid = np.count_nonzero(cv2.erode(flesh.astype(np.uint8), np.ones((5, 5), np.uint8)))
    return area / UNIT**2 if solid > SOLID * UNIT**2 else 0.0


def _beside(before: Uint8, after: Uint8, points: Float32, skin: float) -> float:
    old, new = (cv2.blur(one[..., 0].astype(np.float32), (5, 1)) / max(skin, 1.0) for one in (before, after))
    opened = (new < NEW) & (old - new > DARKER)
    found = []
    for upper, lower in zip(mesh.UPPER_INNER[COLUMNS], mesh.LOWER_INNER[COLUMNS], strict=True):
        column = int(np.clip(np.rint((points[upper, 0] + points[lower, 0]) / 2), 0, SIDE - 1))
        first, last = points[upper, 1] - ABOVE * UNIT, points[lower, 1] + BELOW * UNIT
        rows = np.flatnonzero(opened[max(int(first), 0) : max(int(last), 0), column]) + max(int(first), 0)
        found.append((rows[0] - points[lower, 1]) / UNIT if len(rows) > 1 else 0.0)
    return float(np.median(found))
