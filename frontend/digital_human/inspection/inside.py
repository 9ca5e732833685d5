"""What lies between the lips of a mouth: a tongue, teeth that stand alone, or an opening in the wrong place."""

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
AGAPE, LIKE_LIPS = 0.15, 0.62
"""Opening of a mouth with its tongue out, inter-ocular distances, and redness over that of the lips from which on it is
a lip that the mesh takes for the inside."""
FILLED, SHADED, SOLID = 0.3, 0.22, 0.006
"""A tongue fills the first share of a mouth and more, leaves less than the second dark, and is a piece of more than
the third, square inter-ocular distances, without its rim: teeth with red edges are not."""
NEW, DARKER, ABOVE, BELOW = 0.62, 0.12, 0.35, 0.45
"""Where a mouth opened: luma over that of the skin that has become less than the first, by the second, at most so far
above and below where the lips met, inter-ocular distances."""
SHUT, PARTED = 0.06, 0.04
"""Openings up to which lips may meet and from which on they may not, inter-ocular distances."""
OPEN, HIGH, BROAD = 0.05, 8, 7
"""Opening from which a mouth is open, inter-ocular distances; fewest rows of one, and columns that are averaged."""
COLUMNS = slice(2, 7)
"""Of the vertices along each lip, those in its middle."""


def tongues(views: Uint8, points: Float32, skin: Float32, lip: Float32) -> Float32:
    """Area of the flesh in the light between the lips, square inter-ocular distances [n]; 0 where it is no tongue.

    A tongue behind the teeth lies in their shadow, and a mouth wide open shows the dark. One that is put out does not.
    points: landmarks in the views [n, 468, 2]; skin, lip: see `Person`
    """
    return np.array([_tongue(picture, one, skin, lip) for picture, one in zip(views, points, strict=True)], np.float32)


def doubled(before: Uint8, after: Uint8, points: Float32, seen: Float32, skin: Float32) -> Float32:
    """How much brighter a row is drawn than the dark above and below it, over the luma of the skin [n].

    0 where the mouth was shut; else over what it was. Of a template that does not talk, the teeth are another person's,
    and do not belong into a mouth that it opens by itself.
    before, after: views of the template's mouths and of the drawn ones; points, seen: landmarks in them
    """
    more = np.zeros(len(after), np.float32)
    for k in np.flatnonzero(_gaps(points) > OPEN).tolist():
        if _light(before[k], points[k], float(skin[0])) > LIT:  # a smile: the teeth are the person's own
            continue
        more[k] = _alone(after[k], seen[k], float(skin[0])) - _alone(before[k], points[k], float(skin[0]))
    return more


def beside(before: Uint8, after: Uint8, points: Float32, seen: Float32, skin: Float32) -> Float32:
    """How far below the line on which shut lips meet a mouth opens, inter-ocular distances [n]; less where it does not.

    Shut lips that move cast their shadow elsewhere, which is no opening.
    before, after: views of the template's mouths and of the drawn ones; points, seen: landmarks in them
    """
    some = zip(before, after, points, strict=True)
    below = np.array([_beside(old, new, one, float(skin[0])) for old, new, one in some], np.float32)
    return np.where((_gaps(points) < SHUT) & (_gaps(seen) > PARTED), below, 0).astype(np.float32)


def _gaps(points: Float32) -> Float32:
    """Openings, inter-ocular distances [n]."""
    gap = np.linalg.norm(points[:, mesh.UPPER_LIP_EDGE] - points[:, mesh.LOWER_LIP_EDGE], axis=1)
    return np.asarray(gap / UNIT, np.float32)


def _tongue(picture: Uint8, points: Float32, skin: Float32, lip: Float32) -> float:
    mouth = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mouth, [np.rint(points[mesh.INNER_LIPS] * 8).astype(np.int32)], [1], shift=3)
    within: npt.NDArray[np.bool_] = cv2.erode(mouth, np.ones((3, 3), np.uint8)) > 0
    size = np.count_nonzero(within)
    if size < LEAST or _gaps(points[None])[0] < AGAPE:
        return 0.0
    light = picture[..., 0] / max(float(skin[0]), 1.0)
    red = (picture[..., 1] - skin[1]) / max(float(lip[1] - skin[1]), 6.0)
    flesh = within & (light > LIT) & ~((light > PALE) & (red < RED))
    area = np.count_nonzero(flesh)
    if area <= FILLED * size or np.count_nonzero(within & (light < DARK)) >= SHADED * size:
        return 0.0
    if np.median(red[flesh]) > LIKE_LIPS:
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


def _light(picture: Uint8, points: Float32, skin: float) -> float:
    """Mean luma between the lips, over that of the skin."""
    mouth = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mouth, [np.rint(points[mesh.INNER_LIPS] * 8).astype(np.int32)], [1], shift=3)
    return float(picture[..., 0][mouth > 0].mean()) / max(skin, 1.0)


def _alone(picture: Uint8, points: Float32, skin: float) -> float:
    """Luma of the brightest row between the lips over that of the darkest ones above and below, in any column."""
    light = cv2.blur(picture[..., 0].astype(np.float32), (BROAD, 1)) / max(skin, 1.0)
    most = 0.0
    for upper, lower in zip(mesh.UPPER_INNER[COLUMNS], mesh.LOWER_INNER[COLUMNS], strict=True):
        column = int(np.clip(np.rint((points[upper, 0] + points[lower, 0]) / 2), 0, SIDE - 1))
        rows = light[max(int(np.ceil(points[upper, 1])), 0) : max(int(points[lower, 1]) + 1, 0), column]
        if len(rows) > HIGH:
            above, below = np.minimum.accumulate(rows), np.minimum.accumulate(rows[::-1])[::-1]
            most = max(most, float((rows - np.maximum(above, below)).max()))
    return most
