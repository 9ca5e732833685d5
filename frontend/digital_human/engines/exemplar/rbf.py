"""Displacement fields: from displaced landmarks to the coefficients that the model `mouth_renderer` takes.

A field is a sum of Wendland C2 functions about the control points (H. Wendland 1995): smooth, and exactly 0 farther
than `reach` from all of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32


def wendland(distance: Float32) -> Float32:
    """Wendland's C2 function. distance: relative to the reach of the field"""
    r = np.minimum(distance, 1)
    q = (1 - r) ** 2
    return q * q * (4 * r + 1)  # type: ignore[no-any-return]


def coefficients(
    points: Float32, displacement: Float32, reach: Float32, ridge: float, held: npt.NDArray[np.bool_] | None = None
) -> Float32:
    """Weights, float32 [N, K, 2], with which the field takes the displacements at the points, pixels.

    points, displacement: [N, K, 2], pixels; reach: [N], pixels
    ridge: 0 interpolates; larger values trade accuracy at the points for smoothness
    held:  [N, K], points that take part; None for all
    """
    centred = (points - points.mean(1, keepdims=True)) / reach[:, None, None]
    square = (centred**2).sum(2)
    distance = square[:, :, None] + square[:, None] - 2 * centred @ centred.transpose(0, 2, 1)
    matrix = wendland(np.sqrt(np.maximum(distance, 0)))
    diagonal = np.arange(points.shape[1])
    if held is not None:
        matrix *= held[:, :, None] & held[:, None]
        displacement = displacement * held[:, :, None]
    matrix[:, diagonal, diagonal] = 1 + ridge
    return np.linalg.solve(matrix, displacement).astype(np.float32)


def affine(source: Float32, target: Float32) -> Float32:
    """Least-squares affine map [N, 3, 2] of rows (x, y, 1) from source to target points [N, K, 2]."""
    middle = source.mean(1, keepdims=True)
    rows = np.concatenate([source - middle, np.ones_like(source[..., :1])], 2)
    across = rows.transpose(0, 2, 1)
    solved = np.linalg.solve(across @ rows, across @ target)
    solved[:, 2] -= (middle @ solved[:, :2])[:, 0]
    return solved.astype(np.float32)


def apply(matrix: Float32, points: Float32) -> Float32:
    """Points [N, K, 2] through an affine map [N, 3, 2]."""
    return points @ matrix[:, :2] + matrix[:, 2:]  # type: ignore[no-any-return]
