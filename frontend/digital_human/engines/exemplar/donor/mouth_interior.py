"""The inside of the mouth between the drawn lips: a donor's, or the person's if it is visible all the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame, Matrix, Uint8, crop_yuv, from_yuv, rgb_to_yuv
from digital_human.core.smoothing import smoothstep
from digital_human.engines.exemplar import head_pose, lip_geometry, rbf
from digital_human.engines.exemplar.donor.atlas import GRID, REACH, Donor, inside

UPPER_FOLLOWS = 0.3
"""Share of the difference between the edges of the two upper lips by which the upper teeth are warped."""
LIP_SHADOW, LIP_SHADOW_REACH = 0.2, 0.03
NARROW_SHADE, NARROW_OPENING = 0.35, 0.10
"""The lips shade what lies next to them, and all of the inside of a mouth that is hardly open."""
DEPTH = 0.7
"""Brightness of a donor's mouth that appears below a person's own teeth, which shade it."""
MARGIN, FADED_OVER = 0.012, 0.025
"""Distance from the lips' inner edge at which a frame surely shows the inside, and the way over which it fades out
there, inter-ocular distances."""


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
    ink:   float32 [3], RGB that fills the mouth of a drawing instead of the donor's; None for all others
    colour: how much colour the donor's mouth keeps, 0 in black and white
    """

    teeth: Float32
    blur: float
    matrix: Matrix
    ink: Float32 | None = None
    colour: float = 1.0


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
    frames: Sequence[Frame],
    here: Float32,
    donors: Interior,
    target: Float32,
    corners: Float32,
    size: tuple[int, int],
) -> Interior:
    """The inside that the frames themselves show. Nothing in it moves or is stretched, as upper teeth are not.

    Where the drawn lips are farther open than those of the frame, a donor's mouth appears: the jaw has dropped.

    here:   landmarks of the frames as they are [n, 468, 3], frame pixels
    donors: the inside of the donor's mouth for the same frames
    size:   rows and columns of the layer
    target, corners: see `from_donor`
    """
    at = corners.astype(np.int64) // 2 * 2
    rows, columns = size
    pictures = [crop_yuv(f, int(x), int(y), columns, rows) for f, (x, y) in zip(frames, at, strict=True)]
    affine = np.zeros((len(frames), 3, 2), np.float32)
    affine[:, [0, 1], [0, 1]] = 1
    affine[:, 2] = corners - at
    unit = lip_geometry.interocular(here)
    for k in np.flatnonzero(_reaches_beyond(here, target + corners[:, None])):
        shift = (corners[k] - at[k]).astype(np.float32)
        behind = _in_layer(donors, k, target[k], float(unit[k]), shift, size)
        edge = here[k, mesh.INNER_LIPS, :2] - at[k].astype(np.float32)
        own = _shown(edge, float(unit[k]), rows, columns)
        half = cv2.resize(own, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
        for plane, under, share in zip(pictures[k].planes, behind, (own, half, half), strict=True):
            plane[...] = np.rint(under + share * (plane - under)).astype(np.uint8)
    return Interior(np.stack([picture.data for picture in pictures]), affine, np.zeros_like(donors.rest))


def as_drawn(
    frames: Sequence[Frame], here: Float32, target: Float32, corners: Float32, size: tuple[int, int]
) -> Interior:
    """What a drawing shows between its lips, stretched to the lips as drawn now. Arguments: see `from_frames`."""
    at = corners.astype(np.int64) // 2 * 2
    rows, columns = size
    pictures = [crop_yuv(f, int(x), int(y), columns, rows).data for f, (x, y) in zip(frames, at, strict=True)]
    own = here[:, mesh.INNER_LIPS, :2] - at[:, None].astype(np.float32)
    affine = rbf.affine(target, own)
    return Interior(np.stack(pictures), affine, (own - rbf.apply(affine, target)).astype(np.float32))


def _reaches_beyond(here: Float32, wanted: Float32) -> npt.NDArray[np.bool_]:
    """Whether lips as drawn, frame pixels [n, 20, 2], lie outside those that the frames show, bool [n]."""
    outside = [
        max(-cv2.pointPolygonTest(np.ascontiguousarray(edge), (float(x), float(y)), True) for x, y in points)
        for edge, points in zip(here[:, mesh.INNER_LIPS, :2], wanted, strict=True)
    ]
    return np.array(outside) > -MARGIN * lip_geometry.interocular(here)


def _shown(edge: Float32, unit: float, rows: int, columns: int) -> Float32:
    """1 where a picture surely shows the inside of the mouth, 0 at the lips, float32 [rows, columns]. edge: [20, 2]"""
    depth = cv2.distanceTransform(inside(edge, rows, columns), cv2.DIST_L2, 5) / unit
    return smoothstep((depth - MARGIN / 2) / FADED_OVER).astype(np.float32)


def _in_layer(
    donors: Interior, k: int, target: Float32, unit: float, shift: Float32, size: tuple[int, int]
) -> tuple[Float32, ...]:
    """The donor's picture k as the renderer would draw it into the layer: float32 planes of Y, Cb and Cr.

    shift: of the layer's pixels in the picture that is returned [2]
    """
    rows, columns = size
    x, y = np.meshgrid(np.arange(0, columns, GRID), np.arange(0, rows, GRID))
    grid = np.stack([x.ravel(), y.ravel()], 1).astype(np.float32) + (GRID - 1) / 2 - shift
    reach = REACH * unit
    weights = rbf.coefficients(target[None], donors.rest[[k]], np.array([reach], np.float32), 2e-3)[0]
    distance = np.linalg.norm(grid[:, None] - target, axis=2) / reach
    coarse = rbf.apply(donors.affine[k][None], grid[None])[0] + rbf.wendland(distance.astype(np.float32)) @ weights
    coarse = coarse.reshape(*x.shape, 2).astype(np.float32)
    shape = (x.shape[1] * GRID, x.shape[0] * GRID)
    at = cv2.resize(coarse, shape, interpolation=cv2.INTER_LINEAR)[:rows, :columns]
    half = cv2.resize(at, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    picture = donors.images[k]
    height, width = len(picture) * 2 // 3, picture.shape[1]
    chroma = picture[height:].reshape(2, height // 2, width // 2)
    planes = ((picture[:height], at), (chroma[0], (half - 0.5) / 2), (chroma[1], (half - 0.5) / 2))
    luma, *colour = (
        np.asarray(cv2.remap(p, m, np.empty(0), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
        for p, m in planes
    )
    return DEPTH * (luma - 16) + 16, *(DEPTH * (plane - 128) + 128 for plane in colour)


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
    if light.ink is not None:
        flat = np.broadcast_to(np.rint(light.ink).astype(np.uint8), picture.shape)
        return from_yuv(rgb_to_yuv(np.ascontiguousarray(flat), light.matrix), light.matrix).data
    lit: Float32 = picture * (light.teeth / donor.teeth)
    if light.colour < 1:
        grey = lit.mean(2, keepdims=True)
        lit = np.asarray(grey + light.colour * (lit - grey), np.float32)
    blur = light.blur * donor.scale
    if blur > 0.3:
        lit = np.asarray(cv2.GaussianBlur(lit, (0, 0), blur), np.float32)
    depth = cv2.distanceTransform(inside(contour, rows, columns), cv2.DIST_L2, 3) / donor.scale
    shade = 1 - LIP_SHADOW * np.exp(-depth / LIP_SHADOW_REACH)
    shade *= 1 - NARROW_SHADE * (1 - min(1.0, opening / NARROW_OPENING))
    rgb = np.clip(lit * shade[..., None] + 0.5, 0, 255).astype(np.uint8)
    return from_yuv(rgb_to_yuv(rgb, light.matrix), light.matrix).data
