"""Inputs of the model `mouth_renderer` for a batch of frames: crops, displacement fields and masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame, Uint8, crop_yuv
from digital_human.core.landmarks import Indices
from digital_human.core.smoothing import smoothstep
from digital_human.core.types import FaceTrack
from digital_human.engines.exemplar import clear_skin, head_pose, lip_edges, lip_geometry, rbf
from digital_human.engines.exemplar.atlas import Atlas, corner
from digital_human.engines.exemplar.in_front import InFront

MODEL = "mouth_renderer"
SPACING = 0.13
"""Least distance between control points of the lower face, inter-ocular distances."""
BASE_REACH, BASE_RIDGE = 0.8, 0.02
MOUTH_REACH, MOUTH_RIDGE = 0.6, 0.005
"""Reach of the two displacement fields, inter-ocular distances, and their ridge."""
FULL, FADED = 0.10, 0.35
"""The mouth layer is opaque up to the first distance from the lips and transparent from the second, inter-ocular
distances."""
RING = (0.05, 0.36)
"""Distances from the lips between which the colours of the two layers are compared, inter-ocular distances."""
TUCK, SEAM_TUCK, SEAM, AJAR, PARTED = 0.018, 0.004, 0.0, 0.015, 0.045
"""How deep the lips of an exemplar are tucked in to shut them, and how deep at least if each has its own field; how
much of the inside either shows then, the dark line of shut lips; the aperture beyond shut, and the `gap`, at which
this applies in full."""
SPLIT_RATIO = 2.5
"""Factor by which one field may shrink a gap. Beyond it the lips would fold, so each is moved by its own field."""
WIDER = (0.25, 0.15)
"""By how much wider the frame's own mouth is open than the drawn one where its traces begin to be cleared away, and up
to where they all are: farther than people open it to talk."""
COARSE = 4
"""Masks are drawn at this fraction of their size, the size of the model's input `ring`."""

NEITHER, UPPER, LOWER = 0, 1, 2
FREE_VERTICES = {NEITHER: np.zeros(0, np.int64), UPPER: mesh.UPPER_INNER, LOWER: mesh.LOWER_INNER}


@dataclass(frozen=True)
class Batch:
    """inputs: tensors of the model; origin: int64 [n, 2], frame pixel of the top left corner of each base crop"""

    inputs: dict[str, npt.NDArray[np.generic]]
    origin: Indices


def build(
    atlas: Atlas,
    track: FaceTrack,
    frames: list[Frame],
    here: Float32,
    drawn: Float32,
    exemplar: Indices,
    free_lip: Indices,
    in_front: InFront | None = None,
) -> Batch:
    """Inputs for n frames.

    here:     landmarks of the frames [n, V, 3], frame pixels
    drawn:    landmarks to draw [n, V, 2], frame pixels
    exemplar: exemplars to draw them with [n]
    free_lip: the lip that the mouth's field ignores [n], one of NEITHER, UPPER, LOWER: a gap that closes then does not
              tear the other one; see `seam`
    in_front: of the frames; None where nothing is
    """
    rows, columns, layer_rows, layer_columns = (int(v) for v in atlas.size[:4])
    unit = lip_geometry.interocular(here)
    origin = corner(here, rows, columns)
    base = np.stack([crop_yuv(f, int(x), int(y), columns, rows).data for f, (x, y) in zip(frames, origin, strict=True)])

    control, near = atlas.control, atlas.near
    wider = smoothstep((lip_geometry.aperture(here) - lip_geometry.aperture(drawn) - WIDER[0]) / WIDER[1])
    strength = np.maximum(wider, atlas.pulls_faces)
    for k in np.flatnonzero(strength):
        clear_skin.clear(base[k], here[k, :, :2] - origin[k], control, float(unit[k]), float(strength[k]))
    local = drawn - origin[:, None].astype(np.float32)
    points = local[:, control]
    moves = here[:, control, :2] - drawn[:, control]
    if in_front is not None:
        moves *= in_front.freedom(here[:, control, :2])
    base_reach = (BASE_REACH * unit).astype(np.float32)

    inset = np.array([(columns - layer_columns) // 2, (rows - layer_rows) // 2], np.float32)
    layer = local - inset
    mouth, source = _exemplars(atlas, track, exemplar)
    opening = lip_geometry.aperture(drawn)
    depth = np.where(free_lip == NEITHER, TUCK, np.maximum(opening / 2 - SEAM, SEAM_TUCK))
    tucked = depth[:, None, None] + atlas.lip_edge[exemplar]
    source = source + lip_edges.outwards(source, tucked * _shutting(atlas, exemplar, opening)[:, None, None])
    target = layer[:, near]
    affine = rbf.affine(target, source[:, near])
    rest = source[:, near] - rbf.apply(affine, target)
    mouth_reach = (MOUTH_REACH * unit).astype(np.float32)
    held = np.stack([np.isin(near, FREE_VERTICES[k], invert=True) for k in free_lip])

    masks = [_masks(p, control, u, layer_rows, layer_columns) for p, u in zip(layer, unit, strict=True)]
    if in_front is not None:
        sources = atlas.exemplar_frame[exemplar]
        for k, (alpha, ring) in enumerate(masks):
            x, y = (int(v) for v in origin[k] + inset.astype(np.int64))
            in_front.uncover(k, int(sources[k]), (x, y, layer_columns, layer_rows), alpha, ring, COARSE)
    return Batch(
        {
            "base": base,
            "base_points": points.astype(np.float32),
            "base_weights": rbf.coefficients(points, moves, base_reach, BASE_RIDGE),
            "base_reach": base_reach[:, None],
            "mouth": mouth,
            "mouth_points": target.astype(np.float32),
            "mouth_weights": rbf.coefficients(target, rest, mouth_reach, MOUTH_RIDGE, held),
            "mouth_reach": mouth_reach[:, None],
            "mouth_affine": affine,
            "alpha": np.stack([opacity(alpha) for alpha, _ in masks]),
            "ring": np.stack([ring for _, ring in masks]),
        },
        origin,
    )


def blank(size: Indices, control: int, near: int) -> dict[str, npt.NDArray[np.generic]]:
    """Inputs for one image, all zero, with the shapes of those that `build` returns.

    size: `Atlas.size`; control, near: numbers of points that carry the two fields
    """
    rows, columns, layer_rows, layer_columns, mouth_rows, mouth_columns = (int(v) for v in size)
    images = {
        "base": (rows * 3 // 2, columns),
        "mouth": (mouth_rows * 3 // 2, mouth_columns),
        "alpha": (layer_rows * 3 // 2, layer_columns),
        "ring": (layer_rows // COARSE, layer_columns // COARSE),
    }
    numbers: dict[str, tuple[int, ...]] = {"mouth_affine": (3, 2)}
    for layer, points in (("base", control), ("mouth", near)):
        numbers |= {f"{layer}_points": (points, 2), f"{layer}_weights": (points, 2), f"{layer}_reach": (1,)}
    return {
        **{name: np.zeros((1, *shape), np.uint8) for name, shape in images.items()},
        **{name: np.zeros((1, *shape), np.float32) for name, shape in numbers.items()},
    }


def _exemplars(atlas: Atlas, track: FaceTrack, exemplar: Indices) -> tuple[Uint8, Float32]:
    """Crops of exemplars, I420 [n, rows * 3 / 2, columns], and their landmarks [n, V, 2] in crop pixels."""
    frames = atlas.exemplar_frame[exemplar]
    origin = atlas.exemplar_origin[exemplar].astype(np.float32)
    points = head_pose.as_seen(track, frames)[..., :2] - origin[:, None]
    return np.asarray(atlas.exemplar_pixels[exemplar], np.uint8), points


def control_points(reference: Float32, lips: Indices) -> Indices:
    """Vertices that carry a displacement field: those of the lips, then the lower face thinned to `SPACING`.

    reference: canonical face [V, 3]
    """
    away = np.linalg.norm(reference - reference[mesh.MOUTH_CORNERS].mean(0), axis=1)
    chosen = list(lips)
    for vertex in np.argsort(away):
        below = reference[vertex, 1] > reference[mesh.NOSE_TIP, 1]
        if below and np.linalg.norm(reference[chosen] - reference[vertex], axis=1).min() > SPACING:
            chosen.append(vertex)
    return np.array(chosen, np.int64)


def needs_split(atlas: Atlas, exemplar: Indices, aperture: Float32) -> npt.NDArray[np.bool_]:
    """Whether lips that must shut are too far apart in the exemplar for one field, bool [n]. aperture: to draw [n]"""
    parted = atlas.aperture[exemplar] + atlas.aperture_bias[exemplar]
    parted = parted + lip_edges.parted_further(atlas.lip_edge[exemplar])
    shutting = _shutting(atlas, exemplar, aperture)
    shut = parted + 2 * TUCK * shutting > SPLIT_RATIO * aperture
    return np.asarray(shut & (shutting > 0.5))


def seam(drawn: Float32, rows: int, columns: int) -> Float32:
    """1 below the line on which the lips meet, 0 above, float32 [rows * 3 / 2, columns] in the layout of I420.

    drawn: landmarks [V, 2], crop pixels
    """
    right, left = drawn[mesh.INNER_MOUTH_CORNERS]
    line = np.concatenate([right[None], (drawn[mesh.UPPER_INNER] + drawn[mesh.LOWER_INNER]) / 2, left[None]])
    line = line[np.argsort(line[:, 0])]
    height = np.interp(np.arange(columns), line[:, 0], line[:, 1])
    luma = np.clip(np.arange(rows)[:, None] - height + 0.5, 0, 1).astype(np.float32)
    chroma = cv2.resize(luma, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    return np.concatenate([luma, np.stack([chroma, chroma]).reshape(rows // 2, columns)])


def _shutting(atlas: Atlas, exemplar: Indices, aperture: Float32) -> Float32:
    """How far the parted lips of an exemplar are to be shut, float32 [n], 0-1. aperture: to draw [n]"""
    closing = np.clip((atlas.limits[0] + 0.02 - aperture) / 0.015, 0, 1)
    ajar = (atlas.aperture[exemplar] - atlas.limits[0]) / AJAR
    return closing * np.clip(np.maximum(ajar, atlas.gap[exemplar] / PARTED), 0, 1)  # type: ignore[no-any-return]


def _masks(points: Float32, control: Indices, unit: float, rows: int, columns: int) -> tuple[Uint8, Uint8]:
    """Opacity of the mouth layer, uint8 [rows, columns], and the ring of skin on which colours are
    compared, uint8 [rows / 4, columns / 4].
    """
    size = (rows // COARSE, columns // COARSE)
    outside = np.full(size, 255, np.uint8)
    _fill(outside, points[mesh.OUTER_LIPS], 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5) * (COARSE / unit)
    alpha = smoothstep((FADED - distance) / (FADED - FULL)) * 255
    alpha[[0, -1]] = alpha[:, [0, -1]] = 0
    skin = np.zeros(size, np.uint8)
    _fill(skin, points[control], 255)
    skin[(distance < RING[0]) | (distance > RING[1])] = 0
    smooth = cv2.resize(alpha, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.rint(smooth).astype(np.uint8), skin


def opacity(mask: Uint8) -> Uint8:
    """A mask, uint8 [rows, columns], for all three planes of I420, uint8 [rows * 3 / 2, columns]."""
    rows, columns = mask.shape
    half = cv2.resize(mask, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    return np.concatenate([mask, np.stack([half, half]).reshape(rows // 2, columns)])


def _fill(mask: Uint8, points: Float32, value: int) -> None:
    """Fill the convex hull of points, given in full-size pixels."""
    hull = cv2.convexHull(points.astype(np.float32))[:, 0]
    fixed: Any = np.rint(((hull + 0.5) / COARSE - 0.5) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, (value,), shift=4)
