"""Speech for a template whose mouth never opens: a still picture, or somebody who only listens.

The person's own lips part along their seam, chin and jaw follow, and the hole shows the inside of a donor's mouth in
this light. The network `mouth_renderer` draws, as for everybody else; frames with a shut mouth are the template's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.batching import infer_padded
from digital_human.core.frame import Float32, Frame, Uint8, crop, crop_yuv, insert_yuv, yuv_to_rgb
from digital_human.core.landmarks import Indices
from digital_human.core.types import MIN_FACE_SCORE, Arrays, FaceTrack, Models, Template
from digital_human.engines.base import Plan
from digital_human.engines.exemplar import appearance, head_pose, lip_geometry, rbf, renderer_inputs, retargeting
from digital_human.engines.exemplar.atlas import corner
from digital_human.engines.exemplar.donor import close_mouth, lips, mouth_interior, relighting
from digital_human.engines.exemplar.donor.atlas import Donor, donor, inside
from digital_human.engines.exemplar.speech_to_lips import LipCurves
from digital_human.errors import NoFaceError

RENDERER = "mouth_renderer"
LOOKED_AT = 8
"""Frames of a template from which its seam, light and softness are taken."""
SPEAKING = np.array([0.035, 0.06, 0.09, 0.125, 0.18], np.float32)
"""Percentiles 15, 35, 55, 75 and 95 of how far talking people open, inter-ocular distances."""
WIDTHS = np.array([-0.10, 0.0, 0.08], np.float32)
WIDTH_SPREAD = 0.035
"""Narrowest, usual and widest mouth over the one at rest, and the standard deviation, inter-ocular distances."""
SHUT = 0.004
"""Openings below this are not drawn, inter-ocular distances."""
UNSEEN = (0.04, 0.03)
"""Lips look less open to the mesh than they are: its aperture falls short of the gap by the first, growing over the
second, in inter-ocular distances. Measured on mouths drawn here, and true of the donor's own."""
PARTED, CLOSED = 0.07, 0.02
"""Aperture at rest from which the lips are taken to be apart, a frozen smile, and theirs once they are closed."""
FADED_IN = 0.02
"""Opening from which the donor's mouth shows in full."""

BASE_HALF, LAYER_HALF = (1.05, 1.18), (0.55, 0.62)
"""Half of the heights and widths of the base crop and of the mouth layer, inter-ocular distances."""
BASE_REACH, BASE_RIDGE = 0.8, 1e-3
MOUTH_REACH, MOUTH_RIDGE = 0.6, 2e-3
SHARPEN = 0.3
"""Gives the inside of the mouth what sampling it will take away."""
EDGE = 0.007
"""Blur of the hole's edge, inter-ocular distances."""
SUPERSAMPLE = 4


def analyse(template: Template, models: Models) -> dict[str, npt.NDArray[Any]]:
    """What the other steps need to know of this face.

    size    i8 [4], rows and columns of the base crop and of the mouth layer, pixels
    limits, width_limits   as in `digital_human.engines.exemplar.atlas.Atlas`
    rest    f4 [2], aperture and width of the mouth as it is
    seam    f4 [9], see `donor_lips.seam_offsets`
    teeth   f4 [3], RGB of the brightest teeth in this light
    blur    f4, blur of the donor, inter-ocular distances
    """
    track, other = template.track, donor()
    good = np.flatnonzero(track.present & (track.score > MIN_FACE_SCORE))
    if len(good) == 0:
        raise NoFaceError("video_path: no face was found in the template")
    points = head_pose.steady(track, good)
    unit = lip_geometry.interocular(points)
    aperture, width = (float(np.median(m)) for m in (lip_geometry.aperture(points), lip_geometry.width(points)))

    chosen = {int(good[k]): k for k in np.linspace(0, len(good) - 1, min(LOOKED_AT, len(good))).round().astype(int)}
    costs, teeth, blurs = [], [], []
    for index, frame in enumerate(template.frames()):
        if index in chosen:
            seen = points[chosen[index]]
            image = yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix)
            costs.append(lips.seam_cost(frame.planes[0], seen))
            teeth.append(relighting.teeth_colour(image, seen[:, :2]))
            blurs.append(relighting.softness(image, seen[:, :2], other))

    largest = float(np.percentile(unit, 98))
    size = np.concatenate([_even(np.array(half) * largest) for half in (BASE_HALF, LAYER_HALF)])
    scale = _size(width, other)
    shut = aperture if aperture < PARTED else CLOSED
    return {
        "size": size,
        "limits": np.concatenate([[shut], shut + min(scale, 1.0) * SPEAKING]).astype(np.float32),
        "width_limits": np.array([*(width + scale * WIDTHS), WIDTH_SPREAD * scale], np.float32),
        "rest": np.array([aperture, width], np.float32),
        "seam": lips.seam_offsets(np.stack(costs)),
        "teeth": np.mean(teeth, axis=0).astype(np.float32),
        "blur": np.array(np.median(blurs), np.float32),
    }


def plan(analysis: Arrays, curves: LipCurves, frame_indices: Indices, strength: float = 1.0) -> Plan:
    """The plan that brings lip curves into this person's range; strength: see `retargeting.strengthened`."""
    limits, width_limits = (np.asarray(analysis[name], np.float32) for name in ("limits", "width_limits"))
    aperture = retargeting.aperture(curves.aperture, curves.closure, curves.silence, limits)
    aperture = retargeting.strengthened(aperture, strength, limits)
    width = retargeting.width(curves.width, curves.silence, width_limits)
    return arrange(analysis, aperture, width, frame_indices)


def arrange(analysis: Arrays, aperture: Float32, width: Float32, frame_indices: Indices) -> Plan:
    """The plan that draws an aperture and a width, float32 [N], inter-ocular distances.

    The arrays of the plan, whose names are those of plans on disk:

    pose   int64 [N], template frame
    width  float32 [N], as given
    """
    draws = _drawn(analysis, aperture).astype(np.int64)
    return Plan({"pose": frame_indices, "width": width}, aperture=aperture, draws=draws)


def render(template: Template, analysis: Arrays, plan: Plan, frames: Sequence[Frame], models: Models) -> list[Frame]:
    """The frames with the mouth opened as planned. Frames in which it stays shut are copies."""
    assert plan.aperture is not None
    seen = np.maximum(plan.aperture - np.asarray(analysis["limits"])[0], 0)
    opening = seen + UNSEEN[0] * (1 - np.exp(-seen / UNSEEN[1]))
    widening = np.asarray(plan.arrays["width"], np.float32) - np.asarray(analysis["rest"], np.float32)[1]
    out = [frame.copy() for frame in frames]
    drawn = np.flatnonzero(_drawn(analysis, plan.aperture))
    if len(drawn) == 0:
        return out
    frame_indices = np.asarray(plan.arrays["pose"], np.int64)[drawn]
    inputs, origin = build(
        analysis, template.track, [frames[k] for k in drawn], frame_indices, opening[drawn], widening[drawn]
    )
    images = infer_padded(models, RENDERER, inputs, "image")
    for k, after, (x, y) in zip(drawn, images, origin.tolist(), strict=True):
        insert_yuv(out[k], Frame(np.asarray(after, np.uint8), frames[k].matrix), x, y)
    return out


def _drawn(analysis: Arrays, aperture: Float32) -> npt.NDArray[np.bool_]:
    """Where a frame is not the template's own: the mouth opens, or has to be shut first."""
    opens = np.asarray(aperture - np.asarray(analysis["limits"])[0] > SHUT)
    return opens | bool(np.asarray(analysis["rest"])[0] > PARTED)


def build(
    analysis: Arrays,
    track: FaceTrack,
    frames: Sequence[Frame],
    frame_indices: Indices,
    opening: Float32,
    widening: Float32,
) -> tuple[dict[str, npt.NDArray[Any]], Indices]:
    """Tensors of `mouth_renderer` for n frames, and the frame pixel of each base crop's corner [n, 2]."""
    other = donor()
    rows, columns, layer_rows, layer_columns = (int(v) for v in analysis["size"])
    scale = _size(float(analysis["rest"][1]), other)
    here = head_pose.steady(track, frame_indices)
    unit = lip_geometry.interocular(here)
    origin = corner(here, rows, columns)
    control = _control(other)
    base, seamed = _shut(analysis, frames, frame_indices, here, origin, control, scale)
    wanted = lips.draw(other, seamed, opening, widening, scale)
    local = wanted - origin[:, None].astype(np.float32)
    moves = seamed[:, control, :2] - wanted[:, control]
    base_reach = (BASE_REACH * unit).astype(np.float32)

    inset = np.array([(columns - layer_columns) // 2, (rows - layer_rows) // 2], np.float32)
    corners, layer = origin + inset, local - inset
    target = layer[:, mesh.INNER_LIPS]
    if analysis["rest"][0] > PARTED:
        shown = mouth_interior.own(frames, here, target, corners, (layer_rows, layer_columns))
    else:
        light = mouth_interior.Light(
            np.asarray(analysis["teeth"], np.float32), float(analysis["blur"]), frames[0].matrix
        )
        shown = mouth_interior.donors(other, seamed, target, corners, opening, scale, light)
    mouth_reach = (MOUTH_REACH * unit).astype(np.float32)
    holes = [
        _hole(p, float(u), float(o), layer_rows, layer_columns) for p, u, o in zip(target, unit, opening, strict=True)
    ]
    inputs: dict[str, npt.NDArray[Any]] = {
        "base": base,
        "base_points": local[:, control].astype(np.float32),
        "base_weights": rbf.coefficients(local[:, control], moves, base_reach, BASE_RIDGE),
        "base_reach": base_reach[:, None],
        "mouth": np.stack([appearance.sharpened(picture, SHARPEN) for picture in shown.pictures]),
        "mouth_points": target.astype(np.float32),
        "mouth_weights": rbf.coefficients(target, shown.rest, mouth_reach, MOUTH_RIDGE),
        "mouth_reach": mouth_reach[:, None],
        "mouth_affine": shown.affine,
        "alpha": np.stack(holes),
        "ring": np.zeros(
            (len(frames), layer_rows // renderer_inputs.COARSE, layer_columns // renderer_inputs.COARSE), np.uint8
        ),
    }
    return inputs, origin


def _shut(
    analysis: Arrays,
    frames: Sequence[Frame],
    frame_indices: Indices,
    here: Float32,
    origin: Indices,
    control: Indices,
    scale: float,
) -> tuple[Uint8, Float32]:
    """Base crops, I420 [n, rows * 3 / 2, columns], whose lips touch, and their landmarks [n, 468, 3] with the seam.

    A template frame that is shown more than once, as a still is, is worked on once.
    """
    rows, columns = (int(v) for v in analysis["size"][:2])
    _, first, place = np.unique(frame_indices, return_index=True, return_inverse=True)
    here, origin = here[first], origin[first]
    regions = [crop_yuv(frames[k], int(x), int(y), columns, rows) for k, (x, y) in zip(first, origin, strict=True)]
    if analysis["rest"][0] > PARTED:
        regions, seamed = close_mouth.close(regions, here, origin, control, donor(), scale)
    else:
        luma = np.stack([region.planes[0] for region in regions])
        seamed = lips.on_seam(here, _seams(analysis, luma, here, origin))
    return np.stack([region.data for region in regions])[place], seamed[place]


def _seams(analysis: Arrays, luma: Uint8, here: Float32, origin: Indices) -> Float32:
    """Offsets of the seam in each frame [n, 9]: the template's, corrected for what the mesh is off there."""
    usual = np.asarray(analysis["seam"], np.float32)
    local = here.copy()
    local[..., :2] -= origin[:, None].astype(np.float32)
    costs = (lips.seam_cost(picture, points) for picture, points in zip(luma, local, strict=True))
    return np.stack([usual + lips.seam_shift(cost, usual) for cost in costs])


def _size(width: float, other: Donor) -> float:
    """Width of this mouth over the donor's."""
    return float(np.clip(width / lip_geometry.width(other.shut), 0.75, 1.3))


def _even(half: Float32) -> Indices:
    return np.ceil(half / 8).astype(np.int64) * 16  # type: ignore[no-any-return]


def _control(other: Donor) -> Indices:
    """Vertices that carry the displacement field: lips, then the lower face thinned to a spacing."""
    away = np.linalg.norm(other.reference - other.reference[mesh.MOUTH_CORNERS].mean(0), axis=1)
    chosen = list(mesh.LIPS)
    for vertex in np.argsort(away):
        below = other.reference[vertex, 1] > other.reference[mesh.NOSE_TIP, 1]
        if below and np.linalg.norm(other.reference[chosen] - other.reference[vertex], axis=1).min() > 0.13:
            chosen.append(vertex)
    return np.array(chosen, np.int64)


def _hole(target: Float32, unit: float, opening: float, rows: int, columns: int) -> Uint8:
    """Opacity of the donor's mouth, I420: within the lips' inner edge [20, 2], soft at the border."""
    curve = (_curve(target) + 0.5) * SUPERSAMPLE - 0.5
    fine = inside(curve, rows * SUPERSAMPLE, columns * SUPERSAMPLE)
    mask = cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(mask, (0, 0), max(EDGE * unit, 0.6)).astype(np.float32)
    return renderer_inputs.opacity(np.rint(soft * min(1.0, opening / FADED_IN)).astype(np.uint8))


def _curve(contour: Float32) -> Float32:
    """Smooth curve through the lips' inner edge, with sharp corners: Catmull-Rom splines along each lip, [n, 2]."""
    t = np.linspace(0, 1, 8, endpoint=False, dtype=np.float32)[:, None]
    basis = np.concatenate([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], 1) / 2
    parts = []
    for lip in (contour[:11], np.concatenate([contour[10:], contour[:1]])):
        padded = np.concatenate([2 * lip[:1] - lip[1:2], lip, 2 * lip[-1:] - lip[-2:-1]])
        parts += [basis @ padded[k : k + 4] for k in range(len(lip) - 1)]
    return np.concatenate(parts).astype(np.float32)  # type: ignore[no-any-return]
