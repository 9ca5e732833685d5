"""The inside of the mouth between the drawn lips: a donor's, or the person's if it is visible all the time."""

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
"""Share of the difference between the edges of the two upper lips by which the upper teeth are warped."""
LIP_SHADOW, LIP_SHADOW_REACH = 0.2, 0.03
NARROW_SHADE, NARROW_OPENING = 0.35, 0.10
"""The lips shade what lies next to them, and all of the inside of a mouth that is hardly open."""
MARGIN = 0.012
"""Distance from the lips' inner edge at which a frame surely shows the inside, inter-ocular distances."""


@dataclass(frozen=True)
class Interior:
    """The inside of the mouth in n frames.

    images: uint8 [n, rows * 3 / 2, columns], I420
    affine: float32 [n, 3, 2], rows (x, y, 1), from pixels of the mouth layer to those of the images
    rest:   float32 [n, 20, 2], displacement to add to that at the inner lips, ordered as `landmarks.INNER_LIPS`
    """

    images: Uint8
    affine: Float32
    rest: Float32


@dataclass(frozen=True)
class Light:
    """Light and sharpness of a template.

    teeth: float32 [3], RGB of the brightest teeth
    blur:  blur that makes the donor as soft, inter-ocular distances
    matrix: of the template's frames
    """

    teeth: Float32
    blur: float
    matrix: Matrix


def from_donor(
    donor: Donor, seamed: Float32, target: Float32, corners: Float32, opening: Float32, scale: float, light: Light
) -> Interior:
    """The inside of the donor's mouth in this light, aligned by the seam of the lips.

    seamed:  landmarks of the frames with the lips shut [n, 468, 3], frame pixels
    target:  the inner lips as drawn [n, 20, 2], pixels of the mouth layer
    corners: top left corner of each layer [n, 2], frame pixels
    opening: [n], inter-ocular distances
    scale:   width of this mouth relative to the donor's
    """
    mouths = [donor.mouth(float(o / scale)) for o in opening]
    to_plane = _to_plane(donor, seamed, corners, scale)
    follows = np.full((len(mesh.INNER_LIPS), 1), UPPER_FOLLOWS, np.float32)
    follows[mesh.LOWER_CONTOUR] = 1
    rest = (np.stack([contour for _, contour in mouths]) - rbf.apply(to_plane, target)) * follows
    pictures = [
        _finish(donor, picture, contour, light, float(o)) for (picture, contour), o in zip(mouths, opening, strict=True)
    ]
    return Interior(np.stack(pictures), to_plane, rest.astype(np.float32))


def from_frames(
    frames: Sequence[Frame], here: Float32, target: Float32, corners: Float32, size: tuple[int, int]
) -> Interior:
    """The inside that the frames themselves show. Nothing in it moves, as upper teeth do not. Where the drawn lips are
    farther open than those of the frame, the pixels at the edge are stretched.

    here: landmarks of the frames as they are [n, 468, 3], frame pixels
    size: rows and columns of the layer
    target, corners: see `from_donor`
    """
    at = corners.astype(np.int64) // 2 * 2
    rows, columns = size
    pictures = [crop_yuv(f, int(x), int(y), columns, rows).data for f, (x, y) in zip(frames, at, strict=True)]
    affine = np.zeros((len(frames), 3, 2), np.float32)
    affine[:, [0, 1], [0, 1]] = 1
    affine[:, 2] = corners - at
    wanted = target + corners[:, None]
    return Interior(np.stack(pictures), affine, (_within(here, wanted) - wanted).astype(np.float32))


def _within(here: Float32, wanted: Float32) -> Float32:
    """Points [n, 20, 2] moved to where the frames show the inside of the mouth, frame pixels."""
    axes = np.stack(lips.axes(here), 2)
    inner, points = here[:, mesh.INNER_LIPS, :2] @ axes, wanted @ axes
    for edge, point, margin in zip(inner, points, MARGIN * lip_geometry.interocular(here), strict=True):
        x = np.clip(point[:, 0], edge[0, 0] + 2 * margin, edge[10, 0] - 2 * margin)
        upper, lower = (np.interp(x, *lip.T) for lip in (np.concatenate([edge[:1], edge[:9:-1]]), edge[:11]))
        y = np.clip(point[:, 1], upper + margin, np.maximum(lower, upper + 2 * margin) - margin)
        point[:] = np.stack([x, y], 1)
    return points @ axes.transpose(0, 2, 1)


def _to_plane(donor: Donor, seamed: Float32, corners: Float32, scale: float) -> Float32:
    """Affine maps [n, 3, 2], rows (x, y, 1), from layer pixels to the donor's plane. Arguments: see `from_donor`."""
    poses = head_pose.fit(donor.reference, seamed)
    linear = poses.rotation[:, :2, :2] * (poses.scale[:, None, None] * scale / donor.scale)
    middle = seamed[:, mesh.UPPER_INNER, :2].mean(1) + seamed[:, mesh.LOWER_INNER, :2].mean(1)
    shift = middle / 2 - corners - (linear @ donor.seam)
    inverse = np.linalg.inv(linear)
    rows = np.concatenate([inverse.transpose(0, 2, 1), -(inverse @ shift[..., None]).transpose(0, 2, 1)], 1)
    return rows.astype(np.float32)  # type: ignore[no-any-return]


def _finish(donor: Donor, picture: Float32, contour: Float32, light: Light, opening: float) -> Uint8:
    """An image of the donor with the light, shade and sharpness of the template, uint8 I420 [rows * 3 / 2, columns]."""
    rows, columns = picture.shape[:2]
    lit: Float32 = picture * (light.teeth / donor.teeth)
    blur = light.blur * donor.scale
    if blur > 0.3:
        lit = np.asarray(cv2.GaussianBlur(lit, (0, 0), blur), np.float32)
    depth = cv2.distanceTransform(inside(contour, rows, columns), cv2.DIST_L2, 3) / donor.scale
    shade = 1 - LIP_SHADOW * np.exp(-depth / LIP_SHADOW_REACH)
    shade *= 1 - NARROW_SHADE * (1 - min(1.0, opening / NARROW_OPENING))
    rgb = np.clip(lit * shade[..., None] + 0.5, 0, 255).astype(np.uint8)
    return from_yuv(rgb_to_yuv(rgb, light.matrix), light.matrix).data
