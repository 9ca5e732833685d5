"""What the hole between the drawn lips shows: a donor's mouth, or the own teeth of one that is open all the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame, Matrix, Uint8, crop_yuv, from_yuv, rgb_to_yuv
from digital_human.engines.exemplar import head_pose, lip_geometry, rbf
from digital_human.engines.exemplar.donor import lips
from digital_human.engines.exemplar.donor.atlas import Donor, inside

UPPER_FOLLOWS = 0.3
"""How much of the difference between the two upper lips' edges the upper teeth take part in."""
LIP_SHADOW, LIP_SHADOW_REACH = 0.2, 0.03
NARROW_SHADE, NARROW_OPENING = 0.35, 0.10
"""The lips shade what lies next to them, and all of a mouth that is hardly open."""
MARGIN = 0.012
"""How far inside its lips' edge a frame surely shows the mouth, inter-ocular distances."""


@dataclass(frozen=True)
class Inside:
    """Of n frames.

    pictures: I420 uint8 [n, rows * 3 / 2, columns]
    affine:   float32 [n, 3, 2], rows (x, y, 1), from pixels of the mouth layer to the pictures'
    rest:     float32 [n, 20, 2], what is to be added to that at the inner lips, ordered as `landmarks.INNER_LIPS`
    """

    pictures: Uint8
    affine: Float32
    rest: Float32


@dataclass(frozen=True)
class Light:
    """teeth: RGB of the brightest in this face's light [3]; blur: of the donor, inter-ocular distances."""

    teeth: Float32
    blur: float
    matrix: Matrix


def donors(
    other: Donor, seamed: Float32, target: Float32, corners: Float32, opening: Float32, scale: float, light: Light
) -> Inside:
    """The donor's mouth, in this light, seam on seam.

    seamed:  landmarks of the frames, lips shut [n, 468, 3]
    target:  the inner lips as drawn, pixels of the mouth layer [n, 20, 2]
    corners: frame pixel of each layer's corner [n, 2]
    opening: [n], inter-ocular distances
    scale:   width of this mouth over the donor's
    """
    mouths = [other.mouth(float(o / scale)) for o in opening]
    to_plane = _to_plane(other, seamed, corners, scale)
    follows = np.full((len(mesh.INNER_LIPS), 1), UPPER_FOLLOWS, np.float32)
    follows[mesh.LOWER_CONTOUR] = 1
    rest = (np.stack([contour for _, contour in mouths]) - rbf.apply(to_plane, target)) * follows
    pictures = [
        _finish(other, picture, contour, light, float(o)) for (picture, contour), o in zip(mouths, opening, strict=True)
    ]
    return Inside(np.stack(pictures), to_plane, rest.astype(np.float32))


def own(frames: Sequence[Frame], here: Float32, target: Float32, corners: Float32, size: tuple[int, int]) -> Inside:
    """A window on the frame itself, in which nothing moves, as upper teeth do not. Only where it reaches beyond the
    frame's lips, what lies at their edge is stretched.

    here: landmarks of the frames as they are [n, 468, 3]; size: rows and columns of the layer; others: see `donors`
    """
    at = corners.astype(np.int64) // 2 * 2
    rows, columns = size
    pictures = [crop_yuv(f, int(x), int(y), columns, rows).data for f, (x, y) in zip(frames, at, strict=True)]
    affine = np.zeros((len(frames), 3, 2), np.float32)
    affine[:, [0, 1], [0, 1]] = 1
    affine[:, 2] = corners - at
    wanted = target + corners[:, None]
    return Inside(np.stack(pictures), affine, (_within(here, wanted) - wanted).astype(np.float32))


def _within(here: Float32, wanted: Float32) -> Float32:
    """Points [n, 20, 2] moved to where the frames show the inside of the mouth."""
    axes = np.stack(lips.axes(here), 2)
    inner, points = here[:, mesh.INNER_LIPS, :2] @ axes, wanted @ axes
    for edge, point, margin in zip(inner, points, MARGIN * lip_geometry.interocular(here), strict=True):
        x = np.clip(point[:, 0], edge[0, 0] + 2 * margin, edge[10, 0] - 2 * margin)
        upper, lower = (np.interp(x, *lip.T) for lip in (np.concatenate([edge[:1], edge[:9:-1]]), edge[:11]))
        y = np.clip(point[:, 1], upper + margin, np.maximum(lower, upper + 2 * margin) - margin)
        point[:] = np.stack([x, y], 1)
    return points @ axes.transpose(0, 2, 1)


def _to_plane(other: Donor, seamed: Float32, corners: Float32, scale: float) -> Float32:
    """Affine maps [n, 3, 2], rows (x, y, 1), from layer pixels to the donor's plane, seam on seam.

    seamed: landmarks [n, 468, 3]; corners: frame pixel of each layer's corner [n, 2]
    """
    poses = head_pose.fit(other.reference, seamed)
    linear = poses.rotation[:, :2, :2] * (poses.scale[:, None, None] * scale / other.scale)
    middle = seamed[:, mesh.UPPER_INNER, :2].mean(1) + seamed[:, mesh.LOWER_INNER, :2].mean(1)
    shift = middle / 2 - corners - (linear @ other.seam)
    inverse = np.linalg.inv(linear)
    rows = np.concatenate([inverse.transpose(0, 2, 1), -(inverse @ shift[..., None]).transpose(0, 2, 1)], 1)
    return rows.astype(np.float32)  # type: ignore[no-any-return]


def _finish(other: Donor, picture: Float32, contour: Float32, light: Light, opening: float) -> Uint8:
    """The donor's mouth in this face's light, shadow and softness, I420 [rows * 3 / 2, columns]."""
    rows, columns = picture.shape[:2]
    lit: Float32 = picture * (light.teeth / other.teeth)
    blur = light.blur * other.scale
    if blur > 0.3:
        lit = np.asarray(cv2.GaussianBlur(lit, (0, 0), blur), np.float32)
    depth = cv2.distanceTransform(inside(contour, rows, columns), cv2.DIST_L2, 3) / other.scale
    shade = 1 - LIP_SHADOW * np.exp(-depth / LIP_SHADOW_REACH)
    shade *= 1 - NARROW_SHADE * (1 - min(1.0, opening / NARROW_OPENING))
    rgb = np.clip(lit * shade[..., None] + 0.5, 0, 255).astype(np.uint8)
    return from_yuv(rgb_to_yuv(rgb, light.matrix), light.matrix).data
