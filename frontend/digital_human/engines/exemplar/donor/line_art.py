"""Templates that are drawn: flat colours and lines. A donor's teeth would look pasted into them.

Paintings have texture and shade as photographs do, and teeth look at home in them; they do not count as drawn.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.engines.exemplar import lip_geometry

UNIT = 64.0
"""Pixels between the eyes at which colours are counted: noise and hatching are averaged, areas stay."""
COLOURS, NEAR = 3, 3
"""How many colours a drawn face has at most beside its lines, and the difference from each that still is the same."""
FLAT = 0.5
"""Share of the lower face in these colours from which it counts as drawn. Of four drawings, the least has 0.65; of 80
photographs, clips and paintings, a filmed screen has most, 0.37, the next 0.27."""
DARKEST, LIP_SHARE = 2.0, 0.25
"""Percentile of the lower face's brightness that is its line, and how much of the lips' colour goes with it."""


def flat_share(image: Uint8, points: Float32) -> float:
    """Share of the lower face that is in its most frequent colours.

    image: uint8 [H, W, 3] RGB; points: landmarks [468, 2 or 3], its pixels
    """
    left = _lower_face(image, points)
    total = max(len(left), 1)
    for _ in range(COLOURS):
        if not len(left):
            break
        _, group, count = np.unique(left >> 2, axis=0, return_inverse=True, return_counts=True)
        colour = left[group.ravel() == count.argmax()].mean(0)
        left = left[np.abs(left - colour).max(1) > NEAR]
    return 1 - len(left) / total


def inside_colour(image: Uint8, points: Float32) -> Float32:
    """RGB to fill the mouth of a drawing with, float32 [3]: that of its lines with a little of its lips.

    Arguments: see `flat_share`
    """
    pixels = _lower_face(image, points)
    light = pixels.mean(1)
    line = pixels[light <= np.percentile(light, DARKEST)].mean(0)
    lower = points[mesh.LOWER_OUTER, :2], points[mesh.LOWER_INNER, :2]
    at = np.rint((lower[0] + lower[1]) / 2).astype(np.int64).clip(0, [image.shape[1] - 1, image.shape[0] - 1])
    lips = np.median(image[at[:, 1], at[:, 0]], axis=0)
    return np.asarray((1 - LIP_SHARE) * line + LIP_SHARE * lips, np.float32)


def _lower_face(image: Uint8, points: Float32) -> npt.NDArray[np.int64]:
    """Its pixels where the eyes are `UNIT` apart, [n, 3]."""
    scale = UNIT / float(lip_geometry.interocular(points))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=way)
    shown = np.zeros(small.shape[:2], np.uint8)
    cv2.fillConvexPoly(shown, cv2.convexHull(np.rint(points[:, :2] * scale).astype(np.int32)), (1,))
    eyes = points[np.concatenate(mesh.EYELIDS), 1].max() * scale
    shown[: max(round(float(eyes) + UNIT / 8), 0)] = 0
    return small[shown > 0].astype(np.int64)
