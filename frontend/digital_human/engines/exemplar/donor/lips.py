"""Opens a mouth that is always shut: finds the seam between its lips and parts them as a donor's part."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.engines.exemplar import head_pose, lip_geometry, lip_shape
from digital_human.engines.exemplar.donor.atlas import Donor

OFFSETS = np.linspace(-0.04, 0.04, 33, dtype=np.float32)
"""Candidates for the seam, relative to the middle between the mesh's lips, inter-ocular distances."""
SHIFTS = np.linspace(-0.016, 0.016, 17, dtype=np.float32)
LIKELY_SHIFT = 0.008
"""Errors of the mesh in one frame, the candidates and a usual one, inter-ocular distances."""
ABOVE, BELOW = 0.006, 0.012
"""Distances of the lips' edges from the seam, so that its dark line stays between them, inter-ocular distances."""
WIDENED_FULLY = 0.04
"""Opening from which the width applies in full, inter-ocular distances: a shut mouth keeps its width."""
UPPER_SHARE = 0.2
"""Share of the missing opening that the upper lip contributes."""


def axes(points: Float32) -> tuple[Float32, Float32]:
    """Unit vectors along the eyes and down the face, [n, 2] each, of landmarks [n, 468, 3]."""
    along = points[:, mesh.LEFT_EYE, :2].mean(1) - points[:, mesh.RIGHT_EYE, :2].mean(1)
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    return along, np.stack([-along[:, 1], along[:, 0]], 1)


def seam_cost(luma: Uint8, points: Float32) -> Float32:
    """How little each place looks like a seam, float32 [9, 33]: columns of the lips by `OFFSETS`.

    The seam is dark, and brighter just below, because the upper lip lies in shadow.

    luma: uint8 [H, W]; points: landmarks [468, 3], its pixels
    """
    unit = float(lip_geometry.interocular(points))
    _, down = axes(points[None])
    middle = (points[mesh.UPPER_INNER, :2] + points[mesh.LOWER_INNER, :2]) / 2
    at = (middle[:, None] + OFFSETS[:, None] * unit * down[0]).astype(np.float32)
    soft = cv2.GaussianBlur(luma, (0, 0), max(0.008 * unit, 0.5)).astype(np.float32)
    seen = cv2.remap(soft, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    below = np.concatenate([seen[:, 6:], np.repeat(seen[:, -1:], 6, 1)], 1)
    dark = (2 * seen - seen.mean(1, keepdims=True) - below) / (seen.std() + 1e-3)
    return (dark + (OFFSETS / 0.018) ** 2).astype(np.float32)  # type: ignore[no-any-return]


def seam_offsets(costs: Float32) -> Float32:
    """Offset of the seam in each column, float32 [9], inter-ocular distances. costs: of some frames [frames, 9, 33]"""
    mean = cv2.GaussianBlur(costs.mean(0), (0, 0), sigmaX=1, sigmaY=0.8)
    return OFFSETS[mean.argmin(1)]  # type: ignore[no-any-return]


def seam_shift(costs: Float32, offsets: Float32) -> float:
    """Shift of the seam of one frame relative to `offsets`, inter-ocular distances. costs: of this frame [9, 33]"""
    each = [np.interp(offset + SHIFTS, OFFSETS, cost) for offset, cost in zip(offsets, costs, strict=True)]
    return float(SHIFTS[(np.sum(each, axis=0) + (SHIFTS / LIKELY_SHIFT) ** 2).argmin()])


def on_seam(points: Float32, offsets: Float32) -> Float32:
    """Landmarks [n, 468, 3] with the inner edges of both lips on the seam. offsets: of the seam [n, 9]"""
    out = points.copy()
    unit = lip_geometry.interocular(points)[:, None, None]
    down = axes(points)[1][:, None]
    middle = (points[:, mesh.UPPER_INNER, :2] + points[:, mesh.LOWER_INNER, :2]) / 2
    middle = middle + offsets[..., None] * unit * down
    out[:, mesh.UPPER_INNER, :2] = middle - ABOVE * unit * down
    out[:, mesh.LOWER_INNER, :2] = middle + BELOW * unit * down
    return out


def open_lips(donor: Donor, points: Float32, opening: Float32, widening: Float32, size: float) -> Float32:
    """Landmarks with the lips parted, float32 [n, 468, 2].

    points:            landmarks with the lips on the seam [n, 468, 3]
    opening, widening: relative to the shut mouth [n], inter-ocular distances. The result has exactly this opening
    size:              width of this mouth relative to the donor's
    """
    t = np.clip(opening / WIDENED_FULLY, 0, 1)
    widening = widening * t * t * (3 - 2 * t)
    change = size * donor.change(opening / size, widening / size)
    poses = head_pose.fit(donor.reference, points)
    moved = (lip_shape.follow(donor.reference)[:, None] * poses.turn(change))[..., :2]

    for inner, outer in (
        (mesh.UPPER_INNER, mesh.UPPER_OUTER),
        (mesh.LOWER_INNER, mesh.LOWER_OUTER),
    ):
        lip = 0.7 * moved[:, inner] + 0.3 * moved[:, outer]  # A lip moves as one piece.
        ends = moved[:, mesh.INNER_MOUTH_CORNERS]
        padded = np.concatenate([ends[:, :1], lip, ends[:, 1:]], 1)
        lip = 0.25 * (padded[:, :-2] + padded[:, 2:]) + 0.5 * lip
        moved[:, inner] = 0.8 * lip + 0.2 * moved[:, inner]
        moved[:, outer] = 0.8 * lip + 0.2 * moved[:, outer]
    return _exact(points[..., :2] + moved, points, opening)


def _exact(drawn: Float32, points: Float32, opening: Float32) -> Float32:
    """Landmarks [n, 468, 2] with the lips parted by exactly this opening [n], less towards the corners."""
    drawn = drawn.copy()
    unit = lip_geometry.interocular(points)
    down = axes(points)[1]
    gap = ((drawn[:, mesh.LOWER_LIP_EDGE] - drawn[:, mesh.UPPER_LIP_EDGE]) * down).sum(1)
    missing = (opening * unit - gap)[:, None, None]
    right, left = (drawn[:, corner][:, None] for corner in mesh.INNER_MOUTH_CORNERS)
    span = left - right
    for inner, outer, share in (
        (mesh.UPPER_INNER, mesh.UPPER_OUTER, -UPPER_SHARE),
        (mesh.LOWER_INNER, mesh.LOWER_OUTER, 1 - UPPER_SHARE),
    ):
        x = ((drawn[:, inner] - right) * span).sum(2, keepdims=True) / (span**2).sum(2, keepdims=True)
        x = np.clip(x, 0, 1)
        step = share * missing * np.minimum(4 * x * (1 - x), 1) * down[:, None]
        drawn[:, inner] += step
        drawn[:, outer] += step
    crossed = ((drawn[:, mesh.UPPER_INNER] - drawn[:, mesh.LOWER_INNER]) * down[:, None]).sum(2, keepdims=True)
    drawn[:, mesh.LOWER_INNER] += np.maximum(crossed + 0.002 * unit[:, None, None], 0) * down[:, None]
    return drawn
