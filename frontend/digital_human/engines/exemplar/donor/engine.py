"""A template whose mouth never opens, such as a still: a `Mouth` of the default engine.

The person's lips part along their seam, and chin and jaw follow. Between the lips appears the inside of a donor's
mouth, fitted to the light. The model `mouth_renderer` draws it. Frames with a shut mouth are those of the template.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.batching import infer_padded
from digital_human.core.frame import Float32, Frame, Uint8, crop, crop_yuv, insert_yuv, yuv_to_rgb
from digital_human.core.landmarks import Indices
from digital_human.core.types import MIN_FACE_SCORE, Arrays, FaceTrack, Models, Template
from digital_human.engines.base import Plan
from digital_human.engines.exemplar import (
    appearance,
    head_pose,
    lip_geometry,
    own_lips,
    rbf,
    renderer_inputs,
    retargeting,
)
from digital_human.engines.exemplar.atlas import corner, crop_size
from digital_human.engines.exemplar.donor import (
    close_mouth,
    drawn_open,
    hole,
    line_art,
    lips,
    mouth_interior,
    relighting,
    stroke,
)
from digital_human.engines.exemplar.donor.atlas import Donor, load_donor
from digital_human.engines.exemplar.in_front import InFront
from digital_human.engines.exemplar.speech_to_lips import LipCurves
from digital_human.errors import NoFaceError

SAMPLED_FRAMES = 8
"""Frames of a template on which its seam, light and sharpness are measured."""
SPEAKING = np.array([0.035, 0.06, 0.09, 0.125, 0.18], np.float32)
"""15th, 35th, 55th, 75th and 95th percentile of the opening of people who talk, inter-ocular distances."""
WIDTHS = np.array([-0.10, 0.0, 0.08], np.float32)
WIDTH_SPREAD = 0.035
"""Narrowest, usual and widest mouth relative to the one at rest, and the standard deviation, inter-ocular distances."""
SHUT = 0.004
"""Openings below this are not drawn, inter-ocular distances."""
UNSEEN = (0.04, 0.03)
"""The mesh underestimates small openings: by the first at most, approached over the second, inter-ocular distances.
Measured on mouths drawn here, and true of the donor's mouth too."""
PARTED, CLOSED = 0.07, 0.02
"""Aperture at rest from which the lips count as apart, such as a smile, and their aperture after closing."""

BASE_HALF, LAYER_HALF = (1.05, 1.18), (0.55, 0.62)
"""Half the height and width of the base crop and of the mouth layer, inter-ocular distances."""
BASE_REACH, BASE_RIDGE = 0.8, 1e-3
MOUTH_REACH, MOUTH_RIDGE = 0.6, 2e-3
SHARPEN = 0.3
"""Sharpening of the inside of the mouth, which resampling will blur."""
EDGE = 0.007
"""Blur of the edge between lips and inside, inter-ocular distances."""


def analyse(template: Template, models: Models) -> dict[str, npt.NDArray[Any]]:
    """Measures of the face. Lengths are in inter-ocular distances.

    size    int64 [4], rows and columns of the base crop and of the mouth layer, pixels
    limits, width_limits   see `Atlas`
    rest    float32 [2], aperture and width of the mouth as it is
    opened  bool [T], template frames in which the mouth is open by itself, so that it must be shut first
    own     float32 [T, 3], see `own_lips.measure`; the aperture of shut frames is that of the shut mouth
    seam    float32 [9], see `lips.seam_offsets`
    teeth   float32 [3], RGB of the brightest teeth in this light
    blur    float32, blur that makes the donor as soft as the template
    colour  float32, see `relighting.colourfulness`
    ink, line, thick, edges   of line art only, see `line_art.arrays`
    """
    track, donor = template.track, load_donor()
    faces = track.present & (track.score > MIN_FACE_SCORE)
    good = np.flatnonzero(faces)
    if len(good) == 0:
        raise NoFaceError("no_face_in_template")
    if template.cover is not None and len(free := template.cover.uncovered(good)):
        good = free
    points = head_pose.steady(track, good)
    unit = lip_geometry.interocular(points)
    aperture, width = (float(np.median(m)) for m in (lip_geometry.aperture(points), lip_geometry.width(points)))

    chosen = {
        int(good[k]): k for k in np.linspace(0, len(good) - 1, min(SAMPLED_FRAMES, len(good))).round().astype(int)
    }
    costs, teeth, blurs, colours, looks = [], [], [], [], []
    every = head_pose.steady(track, np.arange(template.frame_count))
    openings, gaps = np.full((2, template.frame_count), np.nan, np.float32)
    openings[faces] = lip_geometry.aperture(every[faces])
    for index, frame in enumerate(template.frames()):
        if faces[index]:
            gaps[index] = close_mouth.gap_of(frame, every[index])
        if index in chosen:
            seen = points[chosen[index]]
            image = yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix)
            costs.append(lips.seam_cost(frame.planes[0], seen))
            teeth_of = relighting.own_teeth if aperture > PARTED else relighting.teeth_colour
            teeth.append(teeth_of(image, seen[:, :2]))
            blurs.append(relighting.softness(image, seen[:, :2], donor))
            colours.append(relighting.colourfulness(image, seen[:, :2]))
            looks.append(line_art.look(image, frame.planes[0], seen))
    drawing = line_art.arrays(looks)
    if "edges" in drawing:
        edged = drawn_open.on_edges(points, drawing["edges"])
        aperture, width = (float(np.median(m)) for m in (lip_geometry.aperture(edged), lip_geometry.width(edged)))
    elif drawing:  # Between drawn lips there is nothing that the mesh could measure.
        aperture = min(aperture, CLOSED)
    if "line" in drawing:
        width = float(np.median(lip_geometry.width(_on_line(points, drawing))))

    largest = float(np.percentile(unit, 98))
    size = np.concatenate([crop_size(np.array(half) * largest) for half in (BASE_HALF, LAYER_HALF)])
    scale = _mouth_scale(width, donor)
    shut = aperture if aperture < PARTED else CLOSED
    opened = close_mouth.opened(openings, gaps, shut) & (not drawing)
    seen = np.where(opened[good], openings[good], shut)
    return {
        "size": size,
        "limits": np.concatenate([[shut], shut + min(scale, 1.0) * SPEAKING]).astype(np.float32),
        "width_limits": np.array([*(width + scale * WIDTHS), WIDTH_SPREAD * scale], np.float32),
        "rest": np.array([aperture, width], np.float32),
        "opened": opened,
        "own": own_lips.measure(template, good, seen, np.full(len(good), width)),
        "seam": lips.seam_offsets(np.stack(costs)),
        "teeth": np.mean(teeth, axis=0).astype(np.float32),
        "blur": np.array(np.median(blurs), np.float32),
        "colour": np.array(np.median(colours), np.float32),
        **drawing,
    }


def plan(analysis: Arrays, curves: LipCurves, frame_indices: Indices, strength: float = 1.0) -> Plan:
    """The plan that brings lip curves into this person's range; strength: see `retargeting.strengthened`."""
    limits, width_limits = (np.asarray(analysis[name], np.float32) for name in ("limits", "width_limits"))
    aperture = retargeting.aperture(curves.aperture, curves.silence, limits)
    aperture = retargeting.strengthened(aperture, strength, limits)
    resting = retargeting.resting_width(analysis)
    width = retargeting.width(curves.width, curves.silence, width_limits, resting)
    return arrange(analysis, aperture, width, frame_indices)


def arrange(analysis: Arrays, aperture: Float32, width: Float32, frame_indices: Indices) -> Plan:
    """The plan that draws an aperture and a width, float32 [N], inter-ocular distances.

    The arrays of the plan, whose names are those of plans on disk:

    pose   int64 [N], template frame
    width  float32 [N], as given, but where the frame's own mouth takes over
    """
    own = np.asarray(analysis["own"], np.float32)
    aperture, width = own_lips.approached(own, aperture, width, frame_indices)
    draws = _is_drawn(analysis, aperture, frame_indices).astype(np.int64)
    return Plan({"pose": frame_indices, "width": width}, aperture=aperture, draws=draws)


def render(template: Template, analysis: Arrays, plan: Plan, frames: Sequence[Frame], models: Models) -> list[Frame]:
    """The frames with the mouth opened as planned. Frames in which it stays shut are copies."""
    assert plan.aperture is not None
    seen = np.maximum(plan.aperture - np.asarray(analysis["limits"])[0], 0)
    opening = seen + UNSEEN[0] * (1 - np.exp(-seen / UNSEEN[1]))
    widening = np.asarray(plan.arrays["width"], np.float32) - np.asarray(analysis["rest"], np.float32)[1]
    out = [frame.copy() for frame in frames]
    frame_indices = np.asarray(plan.arrays["pose"], np.int64)
    drawn = np.flatnonzero(_is_drawn(analysis, plan.aperture, frame_indices))
    if len(drawn) == 0:
        return out
    frame_indices = frame_indices[drawn]
    some, in_front = [frames[k] for k in drawn], InFront.of(template.cover, frame_indices)
    inputs, origin = build(analysis, template.track, some, frame_indices, opening[drawn], widening[drawn], in_front)
    images = infer_padded(models, renderer_inputs.MODEL, inputs, "image")
    for k, after, (x, y) in zip(drawn, images, origin.tolist(), strict=True):
        insert_yuv(out[k], Frame(np.asarray(after, np.uint8), frames[k].matrix), x, y)
    return out


def is_parted(analysis: Arrays) -> bool:
    """Whether the lips are apart at rest, so that they must be shut first."""
    return bool(np.asarray(analysis["rest"])[0] > PARTED)


def _is_drawn(analysis: Arrays, aperture: Float32, frame_indices: Indices) -> npt.NDArray[np.bool_]:
    """Whether frames are drawn, bool [n]: the mouth opens, or must be shut first."""
    opens = np.asarray(aperture - np.asarray(analysis["limits"])[0] > SHUT)
    return opens | _shut_first(analysis, frame_indices)


def _shut_first(analysis: Arrays, frame_indices: Indices) -> npt.NDArray[np.bool_]:
    """Whether the lips of template frames are apart, bool [n]."""
    return np.asarray(analysis["opened"], np.bool_)[frame_indices] | is_parted(analysis)


def build(
    analysis: Arrays,
    track: FaceTrack,
    frames: Sequence[Frame],
    frame_indices: Indices,
    opening: Float32,
    widening: Float32,
    in_front: InFront | None = None,
) -> tuple[dict[str, npt.NDArray[Any]], Indices]:
    """Inputs of `mouth_renderer` for n frames, and the top left corner of each base crop, int64 [n, 2], frame pixels.

    opening, widening: relative to the shut mouth [n], inter-ocular distances
    """
    donor = load_donor()
    rows, columns, layer_rows, layer_columns = (int(v) for v in analysis["size"])
    scale = _mouth_scale(float(analysis["rest"][1]), donor)
    here = head_pose.steady(track, frame_indices)
    unit = lip_geometry.interocular(here)
    origin = corner(here, rows, columns)
    control = renderer_inputs.control_points(donor.reference, mesh.LIPS)
    if (apart := _shut_first(analysis, frame_indices)).any():
        here[apart] = head_pose.as_seen(track, frame_indices[apart])
    base, seamed, here = _closed_base(analysis, frames, frame_indices, here, origin, control, scale)
    wanted = lips.open_lips(donor, seamed, opening, widening, scale)
    if "line" in analysis or "edges" in analysis:
        wanted = stroke.part(wanted, seamed, opening)
    local = wanted - origin[:, None].astype(np.float32)
    moves = seamed[:, control, :2] - wanted[:, control]
    if in_front is not None:
        moves *= in_front.freedom(here[:, control, :2])
    base_reach = (BASE_REACH * unit).astype(np.float32)

    inset = np.array([(columns - layer_columns) // 2, (rows - layer_rows) // 2], np.float32)
    corners, layer = origin + inset, local - inset
    target = layer[:, mesh.INNER_LIPS]
    ink = np.asarray(analysis["ink"], np.float32) if "ink" in analysis else None
    teeth, blur = np.asarray(analysis["teeth"], np.float32), float(analysis["blur"])
    light = mouth_interior.Light(teeth, blur, frames[0].matrix, ink, float(analysis["colour"]))
    interior = mouth_interior.from_donor(donor, seamed, target, corners, opening, scale, light)
    if "edges" in analysis:
        interior = mouth_interior.as_drawn(frames, here, target, corners, (layer_rows, layer_columns))
    elif is_parted(analysis):
        interior = mouth_interior.from_frames(frames, here, interior, target, corners, (layer_rows, layer_columns))
    mouth_reach = (MOUTH_REACH * unit).astype(np.float32)
    shown = opening + float(analysis.get("thick", 0.0))
    edge = np.maximum(EDGE * unit, 0.6) if ink is None else min(EDGE, blur) * unit
    holes = [
        hole.mask(p, float(e), float(o), layer_rows, layer_columns) for p, e, o in zip(target, edge, shown, strict=True)
    ]
    inputs: dict[str, npt.NDArray[Any]] = {
        "base": base,
        "base_points": local[:, control].astype(np.float32),
        "base_weights": rbf.coefficients(local[:, control], moves, base_reach, BASE_RIDGE),
        "base_reach": base_reach[:, None],
        "mouth": np.stack(
            [appearance.sharpened(picture, SHARPEN if ink is None else 0.0) for picture in interior.images]
        ),
        "mouth_points": target.astype(np.float32),
        "mouth_weights": rbf.coefficients(target, interior.rest, mouth_reach, MOUTH_RIDGE),
        "mouth_reach": mouth_reach[:, None],
        "mouth_affine": interior.affine,
        "alpha": np.stack(holes),
        "ring": np.zeros(
            (len(frames), layer_rows // renderer_inputs.COARSE, layer_columns // renderer_inputs.COARSE), np.uint8
        ),
    }
    return inputs, origin


def _closed_base(
    analysis: Arrays,
    frames: Sequence[Frame],
    frame_indices: Indices,
    here: Float32,
    origin: Indices,
    control: Indices,
    scale: float,
) -> tuple[Uint8, Float32, Float32]:
    """Base crops with the lips shut, I420 [n, rows * 3 / 2, columns], their landmarks with the lips on the seam,
    [n, 468, 3], and those of the frames as they are, corrected where the lips are apart.

    A template frame that appears more than once, as a still does, is processed once.
    """
    rows, columns = (int(v) for v in analysis["size"][:2])
    _, first, place = np.unique(frame_indices, return_index=True, return_inverse=True)
    here, origin = here[first], origin[first]
    regions = [crop_yuv(frames[k], int(x), int(y), columns, rows) for k, (x, y) in zip(first, origin, strict=True)]
    seamed = here.copy()
    apart = _shut_first(analysis, frame_indices[first])
    if apart.any():
        some = [regions[k] for k in np.flatnonzero(apart)]
        if "edges" in analysis:
            here[apart] = drawn_open.on_edges(here[apart], np.asarray(analysis["edges"], np.float32))
        else:
            least = 0.0 if is_parted(analysis) else close_mouth.LEAST
            here[apart] = close_mouth.on_edges(some, here[apart], origin[apart], least)
        some, seamed[apart] = close_mouth.close(some, here[apart], origin[apart], control, load_donor(), scale)
        for k, region in zip(np.flatnonzero(apart), some, strict=True):
            regions[k] = region
    if not apart.all():
        if "line" in analysis:
            seamed[~apart] = _on_line(here[~apart], analysis)
        else:
            luma = np.stack([regions[k].planes[0] for k in np.flatnonzero(~apart)])
            seamed[~apart] = lips.on_seam(here[~apart], _seams(analysis, luma, here[~apart], origin[~apart]))
    return np.stack([region.data for region in regions])[place], seamed[place], here[place]


def _on_line(points: Float32, analysis: Arrays) -> Float32:
    return stroke.on_line(points, np.asarray(analysis["line"], np.float32), float(analysis["thick"]))


def _seams(analysis: Arrays, luma: Uint8, here: Float32, origin: Indices) -> Float32:
    """Offsets of the seam in each frame, float32 [n, 9]: those of the template, corrected for the error of the mesh."""
    usual = np.asarray(analysis["seam"], np.float32)
    local = here.copy()
    local[..., :2] -= origin[:, None].astype(np.float32)
    costs = (lips.seam_cost(picture, points) for picture, points in zip(luma, local, strict=True))
    return np.stack([usual + lips.seam_shift(cost, usual) for cost in costs])


def _mouth_scale(width: float, donor: Donor) -> float:
    """Width of this mouth relative to the donor's."""
    return float(np.clip(width / lip_geometry.width(donor.shut), 0.75, 1.3))
