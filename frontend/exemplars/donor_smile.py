"""A smile that shows teeth all the time: its lips are brought together first, so that they can part like others."""

from __future__ import annotations

import numpy as np

from frontend.exemplars import donor_lips, face
from frontend.exemplars.atlas import Indices
from frontend.exemplars.donor_mouths import pull
from frontend.frames import Float32, Uint8

UPPER_SHARE = 0.4
"""Of the way to each other, what the upper lip goes."""
OUTER_SHARE = 0.9
"""How much of it the lips' outer edges go along."""
REACH = 0.8
"""Of the displacement fields, inter-ocular distances."""


def closed(points: Float32) -> Float32:
    """Landmarks [n, 468, 3] with the lips together."""
    out = points.copy()
    upper, lower = points[:, face.UPPER_INNER, :2], points[:, face.LOWER_INNER, :2]
    seam = (1 - UPPER_SHARE) * upper + UPPER_SHARE * lower
    out[:, face.UPPER_OUTER, :2] += OUTER_SHARE * (seam - upper)
    out[:, face.LOWER_OUTER, :2] += OUTER_SHARE * (seam - lower)
    down = face.interocular(points)[:, None, None] * donor_lips.axes(points)[1][:, None]
    out[:, face.UPPER_INNER, :2] = seam - donor_lips.ABOVE * down
    out[:, face.LOWER_INNER, :2] = seam + donor_lips.BELOW * down
    return out


def close(base: Uint8, points: Float32, origin: Indices, control: Indices) -> tuple[Uint8, Float32]:
    """Crops [n, rows, columns, 3] and landmarks [n, 468, 3] with the lips together.

    The teeth lie between the lips, so no one smooth field can hide them: each lip is moved by its own, and the two
    pictures meet on the seam. origin: frame pixel of each crop's corner [n, 2]; control: vertices that carry the fields
    """
    target = closed(points)
    upper = control[~np.isin(control, [*face.LOWER_INNER, *face.LOWER_OUTER])]
    lower = control[~np.isin(control, [*face.UPPER_INNER, *face.UPPER_OUTER])]
    rows, columns = base.shape[1:3]
    out = np.empty_like(base)
    for k, (picture, corner) in enumerate(zip(base, origin, strict=True)):
        here, there = (p[k, :, :2] - corner.astype(np.float32) for p in (points, target))
        reach = float(REACH * face.interocular(points[k]))
        above, below = (
            pull(picture.astype(np.float32), there[part], here[part] - there[part], reach) for part in (upper, lower)
        )
        right, left = face.INNER_CORNERS
        middle = (there[face.UPPER_INNER] + there[face.LOWER_INNER]) / 2
        seam = np.concatenate([there[[right]], middle, there[[left]]])
        line = np.interp(np.arange(columns), seam[:, 0], seam[:, 1])
        share = np.clip(np.arange(rows)[:, None] - line + 0.5, 0, 1)[..., None]
        out[k] = np.clip(above + share * (below - above) + 0.5, 0, 255).astype(np.uint8)
    return out, target
