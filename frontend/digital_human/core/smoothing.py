"""Landmarks smoothed over time: one rule for tracks as they are made, and for shapes that are measured on them; and a
smooth step for everything that fades."""

from __future__ import annotations

import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32

JUMP = (0.05, 0.12)
"""Distances of a face from the middle between its places before and after, inter-ocular distances: up to the first it
is smoothed in full, from the second not at all. In three clips 99 frames of 100 stay below 0.05; in one that
stutters more than half do not."""


def average(here: Float32, before: Float32, after: Float32) -> Float32:
    """Landmarks [n, 468, 3] averaged with those of the frames before and after.

    Where a face jumps to and fro, an average would lie beside all three, so it is left as it is.
    """
    weight = np.full((len(here), mesh.VERTICES, 1), mesh.SMOOTHING, np.float32)
    weight[:, mesh.LIPS] = mesh.LIP_SMOOTHING
    weight *= _evenness(here, before, after)[:, None, None]
    return np.asarray(here * (1 - 2 * weight) + (before + after) * weight, np.float32)


def _evenness(here: Float32, before: Float32, after: Float32) -> Float32:
    """1 where the face moves evenly, 0 where it jumps, [n]."""
    place, earlier, later = (points[..., :2].mean(1) for points in (here, before, after))
    right, left = (here[:, eye].mean(1) for eye in (mesh.RIGHT_EYE, mesh.LEFT_EYE))
    size = np.linalg.norm(left - right, axis=1) + 1e-6
    off = np.linalg.norm((earlier + later) / 2 - place, axis=1) / size
    return np.asarray(np.clip((JUMP[1] - off) / (JUMP[1] - JUMP[0]), 0, 1), np.float32)


def smoothstep(share: Float32) -> Float32:
    """0-1 -> 0-1 without a slope at either end, of any shape; what lies outside counts as 0 or 1."""
    t = np.clip(share, 0, 1)
    result: Float32 = t * t * (3 - 2 * t)
    return result
