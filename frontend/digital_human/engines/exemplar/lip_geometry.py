"""Lengths measured on landmarks, and the smoothing of their curves.

Points are float32 [..., 468, 2 or 3], pixels. Lengths are in inter-ocular distances, the unit of the whole package:
about 63 mm on an adult.
"""

from __future__ import annotations

import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32


def interocular(points: Float32) -> Float32:
    """Distance between the centres of the eyes, pixels, [...]."""
    right, left = points[..., mesh.RIGHT_EYE, :2].mean(-2), points[..., mesh.LEFT_EYE, :2].mean(-2)
    return np.linalg.norm(left - right, axis=-1)  # type: ignore[no-any-return]


def aperture(points: Float32) -> Float32:
    """Distance between the inner edges of the lips, inter-ocular distances, [...]."""
    upper, lower = points[..., mesh.UPPER_LIP_EDGE, :2], points[..., mesh.LOWER_LIP_EDGE, :2]
    return np.linalg.norm(upper - lower, axis=-1) / interocular(points)  # type: ignore[no-any-return]


def width(points: Float32) -> Float32:
    """Distance between the corners of the mouth, inter-ocular distances, [...]."""
    right, left = (points[..., corner, :2] for corner in mesh.MOUTH_CORNERS)
    return np.linalg.norm(right - left, axis=-1) / interocular(points)  # type: ignore[no-any-return]


def mouth_centre(points: Float32) -> Float32:
    """Midpoint between the corners of the mouth, pixels, [..., 2]."""
    return points[..., mesh.MOUTH_CORNERS, :2].mean(-2)  # type: ignore[no-any-return]


def smooth(curve: Float32, side: float) -> Float32:
    """Three-point smoothing along the first axis. side: weight of each neighbour. The ends repeat."""
    padded = np.concatenate([curve[:1], curve, curve[-1:]])
    return side * (padded[:-2] + padded[2:]) + (1 - 2 * side) * curve  # type: ignore[no-any-return]


def jaw_curve(lip_curves: Float32) -> Float32:
    """How the jaw, which is heavier, follows curves of the lips, along the first axis.

    The weights are close to the best fit of jaws to their own lips in seventeen clips.
    """
    return smooth(smooth(lip_curves, 0.2), 0.1)
