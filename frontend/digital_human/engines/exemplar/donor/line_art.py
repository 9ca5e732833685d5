"""Templates that are drawn: flat colours and lines. A donor's teeth would look pasted into them.

Paintings have texture and shade as photographs do, and teeth look at home in them; they do not count as drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.engines.exemplar import lip_geometry
from digital_human.engines.exemplar.donor import drawn_open, stroke

UNIT = 64.0
"""Pixels between the eyes at which colours are counted: noise and hatching are averaged, areas stay."""
COLOURS, NEAR, NEAR_GREY = 3, 3, 1
"""How many colours a drawn face has at most beside its lines, and the difference from each that still is the same: less
without colours, where a photograph's shades differ in one respect only and a few would hold most of a face."""
GREY = 6
"""Difference between red, green and blue that is no colour."""
FLAT = 0.5
"""Share of the lower face in these colours from which it counts as drawn. Of 52 drawings in lines and flat colours, the
least has 0.65, half as large as JPEG 0.45; of 77 photographs and clips, the most has 0.32, and in grey 0.28."""
DARKEST, LIP_SHARE, COLOURED = 1.0, 0.25, 40
"""Percentile of the lower face's brightness that is its line, how much of the lips' colour goes with it, and the
difference between their hue and that of the skin from which on it does."""
DARK, PALER = 0.5, 0.6
"""Brightness of the inside of the mouth relative to the lips, at most, as lines in thin paint are pale; and of lips
relative to skin, at least, as what is sampled may be a line."""


@dataclass(frozen=True)
class Look:
    """One frame: see `flat_share`, `inside_colour`, `stroke.find` and `drawn_open.find`."""

    flat: float
    ink: Float32
    line: tuple[Float32, float] | None = None
    edges: Float32 | None = None


def look(image: Uint8, luma: Uint8, points: Float32) -> Look:
    """luma: uint8 [H, W] of the same frame; image, points: see `flat_share`"""
    flat = flat_share(image, points)
    if flat <= FLAT:
        return Look(flat, np.zeros(3, np.float32))
    line = stroke.find(luma, points)
    return Look(flat, inside_colour(image, points), line, drawn_open.find(image, points, line))


def arrays(looks: Sequence[Look]) -> dict[str, Float32]:
    """What is kept of a drawing; nothing of other templates.

    ink    float32 [3], RGB inside the mouth
    line   float32 [11, 2], the line between the lips, see `stroke.find`; absent if there is none
    thick  float32, its width, inter-ocular distances
    edges  float32 [2, 11, 2], the outline of a mouth that is drawn open, see `drawn_open.find`, in place of its line
    """
    drawn = [seen for seen in looks if seen.flat > FLAT]
    if 2 * len(drawn) <= len(looks):
        return {}
    ink = np.mean([seen.ink for seen in drawn], axis=0).astype(np.float32)
    edges = [seen.edges for seen in drawn if seen.edges is not None]
    if 2 * len(edges) > len(drawn):
        return {"ink": ink, "edges": np.median(edges, axis=0).astype(np.float32)}
    lines = [seen.line for seen in drawn if seen.line is not None]
    if 2 * len(lines) <= len(drawn):
        return {"ink": ink}
    line = np.median([path for path, _ in lines], axis=0).astype(np.float32)
    return {"ink": ink, "line": line, "thick": np.array(np.median([width for _, width in lines]), np.float32)}


def flat_share(image: Uint8, points: Float32) -> float:
    """Share of the lower face that is in its most frequent colours.

    image: uint8 [H, W, 3] RGB; points: landmarks [468, 2 or 3], its pixels
    """
    left = _lower_face(image, points, UNIT)
    total = max(len(left), 1)
    near = NEAR_GREY if len(left) and np.percentile(np.ptp(left, axis=1), 95) <= GREY else NEAR
    for _ in range(COLOURS):
        if not len(left):
            break
        _, group, count = np.unique(left >> 2, axis=0, return_inverse=True, return_counts=True)
        colour = left[group.ravel() == count.argmax()].mean(0)
        left = left[np.abs(left - colour).max(1) > near]
    return 1 - len(left) / total


def inside_colour(image: Uint8, points: Float32) -> Float32:
    """RGB to fill the mouth of a drawing with, float32 [3]: that of its lines, with a little of its lips if painted.

    Arguments: see `flat_share`
    """
    pixels = _lower_face(image, points, 2 * UNIT)  # Lines are thin: at less their colour would mix with the skin's.
    light = pixels.mean(1)
    line, skin = pixels[light <= np.percentile(light, DARKEST)].mean(0), np.median(pixels, axis=0)
    lower = points[mesh.LOWER_OUTER, :2], points[mesh.LOWER_INNER, :2]
    at = np.rint((lower[0] + lower[1]) / 2).astype(np.int64).clip(0, [image.shape[1] - 1, image.shape[0] - 1])
    lips = np.median(image[at[:, 1], at[:, 0]], axis=0)
    hue = np.abs((lips - lips.mean()) - (skin - skin.mean())).max()
    share = LIP_SHARE * min(1.0, float(hue) / COLOURED)
    reference = max(float(lips.mean()), PALER * float(skin.mean()))
    ink = (1 - share) * line + share * lips
    return np.asarray(ink * min(1.0, DARK * reference / max(float(ink.mean()), 1.0)), np.float32)


def _lower_face(image: Uint8, points: Float32, unit: float) -> npt.NDArray[np.int64]:
    """Its pixels where the eyes are `unit` apart, [n, 3]."""
    scale = unit / float(lip_geometry.interocular(points))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=way)
    shown = np.zeros(small.shape[:2], np.uint8)
    cv2.fillConvexPoly(shown, cv2.convexHull(np.rint(points[:, :2] * scale).astype(np.int32)), (1,))
    eyes = points[np.concatenate(mesh.EYELIDS), 1].max() * scale
    shown[: max(round(float(eyes) + unit / 8), 0)] = 0
    return small[shown > 0].astype(np.int64)
