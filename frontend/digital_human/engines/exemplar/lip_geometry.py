"""Vertices of the 468-point face mesh, and the few lengths measured on them.

Everything here takes points [..., 468, 2 or 3]; lengths in pixels become shares of the inter-ocular distance, the unit
of the whole package (about 63 mm on an adult).
"""

from __future__ import annotations

import numpy as np

from digital_human.core.frame import Float32

VERTICES = 468
OUTER = np.array([61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185])
INNER = np.array([78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191])
"""Contours of the lips, from the right corner along the lower lip and back along the upper one."""
LIPS = np.concatenate([OUTER, INNER])

UPPER_INNER = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
LOWER_INNER = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
UPPER_OUTER = np.array([185, 40, 39, 37, 0, 267, 269, 270, 409])
LOWER_OUTER = np.array([146, 91, 181, 84, 17, 314, 405, 321, 375])
"""Facing vertices of the two lips without the corners, from right to left: the k-th of each lie on one column."""
CORNERS = np.array([61, 291])
INNER_CORNERS = np.array([78, 308])

RIGHT_EYE, LEFT_EYE = np.array([33, 133]), np.array([362, 263])
STABLE = np.array(
    [33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 48, 278, 10, 151, 9, 8, 67, 297, 109, 338, 127, 356, 234, 454]
)
"""Eyes, nose, forehead and temples: what speech does not move."""
NOSE_TIP, SUBNASALE, UPPER_LIP = 5, 2, 0


def interocular(points: Float32) -> Float32:
    """Distance between the centres of the eyes, [...]."""
    right, left = points[..., RIGHT_EYE, :2].mean(-2), points[..., LEFT_EYE, :2].mean(-2)
    return np.linalg.norm(left - right, axis=-1)  # type: ignore[no-any-return]


def aperture(points: Float32) -> Float32:
    """Opening between the inner lips, in inter-ocular distances, [...]."""
    return np.linalg.norm(points[..., 13, :2] - points[..., 14, :2], axis=-1) / interocular(points)  # type: ignore[no-any-return]


def width(points: Float32) -> Float32:
    """Distance of the mouth's corners, in inter-ocular distances, [...]."""
    return np.linalg.norm(points[..., 61, :2] - points[..., 291, :2], axis=-1) / interocular(points)  # type: ignore[no-any-return]


def mouth_centre(points: Float32) -> Float32:
    """Midway between the corners, [..., 2]."""
    return points[..., CORNERS, :2].mean(-2)  # type: ignore[no-any-return]


def smooth(curve: Float32, side: float) -> Float32:
    """Three-point smoothing along the first axis, `side` the weight of each neighbour; the ends repeat."""
    padded = np.concatenate([curve[:1], curve, curve[-1:]])
    return side * (padded[:-2] + padded[2:]) + (1 - 2 * side) * curve  # type: ignore[no-any-return]


def inert(curves: Float32) -> Float32:
    """Curves of the lips as heavier parts of the face follow them, along the first axis.

    In seventeen clips jaws followed their own lips best with weights near these.
    """
    return smooth(smooth(curves, 0.2), 0.1)
