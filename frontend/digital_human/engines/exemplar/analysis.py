"""From a template to its atlas: the person's face, how they move their mouth, and a bounded number of exemplars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.border import cut_off
from digital_human.core.frame import Float32
from digital_human.core.landmarks import Indices
from digital_human.core.types import MIN_FACE_SCORE, Template
from digital_human.engines.exemplar import appearance, flaws, head_pose, lip_geometry, own_lips, renderer_inputs, stock
from digital_human.engines.exemplar.atlas import Atlas, centre, crop_size
from digital_human.errors import NoFaceError

MAX_EXEMPLARS = 600
MAX_BYTES = 128 << 20
"""Limits of the exemplars: 24 s of frames at 25 frames/s, and 128 MiB of pixels."""
RUN = 12
"""Long templates are thinned in runs of this many frames: consecutive exemplars join without a seam."""
LARGEST_SHUT, SHUT = 0.03, 0.02
"""Aperture that the mesh sees in shut lips, at most and usually: people who always show more never shut it."""
LARGEST_SPOKEN = 0.35
"""Largest 95th percentile of the aperture of somebody who talks: the widest of 22 such clips has 0.33. A template has
more where people shout, yawn or pull faces."""
LAYER_MARGIN, EXEMPLAR_MARGIN = 0.37, 0.48
"""Margin of the mouth layer and of the exemplars' crops around the lips, inter-ocular distances."""
BASE_HALF = (0.98, 1.18)
"""Half the height and width of the base crop of an upright head, inter-ocular distances."""
GRIMACE, ENOUGH = 6.0, 24
"""Flaw of shape from which on a frame does not count for the range of the mouth, if so many others are left. Of a
template that pulls faces so many remain at least."""
SHUTTEST = 10
"""Percentile of the aperture up to which mouths of a template that pulls faces count as shut."""
UNHURRIED = 11.0
"""Speed that is never limited, in ranges of the mouth a second: at 12 the curve follows speech as well as without a
limit, at 8 a hundredth less."""
NEAR = 0.75
"""Distance from the mouth of the control points that the mouth layer uses too, inter-ocular distances."""
UPRIGHT = 8.0
"""Degrees by which a head may tilt before its crop grows."""


def mouth_motion(template: Template) -> tuple[Indices, Float32, Float32]:
    """Frames with a reliable face and an uncovered mouth, int64 [n], and their apertures and widths, float32 [n],
    inter-ocular distances.

    Raises NoFaceError if there is none.
    """
    track = template.track
    trusted = track.present & (track.score > MIN_FACE_SCORE)
    whole = trusted & ~cut_off(track, template.width, template.height)
    good = np.flatnonzero(whole if whole.any() else trusted)
    if len(good) == 0:
        raise NoFaceError("no_face_in_template")
    if template.cover is not None:
        good = template.cover.uncovered(good)
    points = head_pose.as_seen(track, good)
    return good, lip_geometry.aperture(points), lip_geometry.width(points)


def usable(template: Template) -> bool:
    """Whether the mouth opens often enough to speak with frames of the template. If not, a donor's mouth is needed."""
    frames, opening, _ = mouth_motion(template)
    if len(frames) == 0:
        return False
    low, high = np.percentile(opening, [5, 95])
    return bool((opening > 0.06).sum() >= 10 and high - low > 0.06)


def build_atlas(template: Template, on_sizes: Callable[[Indices, int, int], None]) -> Atlas:
    """Measure a template and collect its exemplars.

    on_sizes: called with `size` and the lengths of `control` and `near`, before the long part begins

    Raises NoFaceError if no frame shows a face.
    """
    frames, opening, widths = mouth_motion(template)
    points = head_pose.as_seen(template.track, frames)
    reference = head_pose.canonical_face(points)
    poses = head_pose.fit(reference, points)
    shapes = poses.to_shape(points)
    unit = lip_geometry.interocular(points)

    shot = np.zeros(template.frame_count, np.int64) if template.track.shot is None else template.track.shot
    speed = _by_shot(_slope, opening, shot[frames])
    grimace = flaws.grimaces(shapes, head_pose.angles(poses), opening, widths)

    regression = _regress(opening, widths, shapes)
    design = np.stack([np.ones_like(opening), opening, widths], 1)
    residual = (shapes - np.einsum("nk,kvc->nvc", design, regression))[:, mesh.LIPS]
    jaw_curve = _by_shot(lip_geometry.jaw_curve, np.stack([opening, widths], 1), shot[frames])
    loose = np.setdiff1d(np.arange(mesh.VERTICES), mesh.LIPS)
    regression[:, loose] = _regress(jaw_curve[:, 0], jaw_curve[:, 1], shapes[:, loose])
    shape_residual = (residual**2).sum((1, 2))
    shape_residual = np.maximum(shape_residual / np.median(shape_residual) - 1, 0)

    size = _sizes(points, unit)
    control, near = _control_points(reference)
    on_sizes(size, len(control), len(near))
    limit = min(MAX_EXEMPLARS, int(MAX_BYTES // (size[4] * size[5] * 1.5)))
    angles = np.zeros((template.frame_count, 3), np.float32)
    angles[frames] = head_pose.angles(poses)
    pulled = flaws.pulls_faces(grimace, opening)
    able = np.flatnonzero(_enough(grimace < flaws.SOUND, grimace) | (not pulled))
    looks = np.stack([opening / 0.08, widths / 0.12, angles[frames, 0] / 12, angles[frames, 1] / 12], 1)
    chosen = able[most_varied(looks[able], limit)]
    exemplars = stock.collect(template, frames[chosen], points[chosen], unit[chosen], size, reference)
    stock.even_out_lips(exemplars, points[chosen], unit[chosen], opening[chosen], angles[frames[chosen]])
    grimace[chosen] += flaws.tongue(exemplars.pop("flesh"), opening[chosen])
    grimace[chosen] += flaws.lopsided(exemplars.pop("aside"), opening[chosen], angles[frames[chosen]])
    blur = stock.blur(exemplars.pop("sharpness"), opening[chosen])
    flaw = grimace[chosen] + flaws.haste(speed[chosen]) + flaws.blurred(blur)
    flaw += flaws.clenched(exemplars.pop("teeth"), opening[chosen])
    sound = grimace < GRIMACE if (grimace < GRIMACE).sum() >= ENOUGH else np.ones(len(grimace), np.bool_)
    tongue = exemplars.pop("tongue")
    if pulled:
        beside = np.stack([opening[np.clip(chosen + k, 0, len(opening) - 1)] for k in (-1, 0, 1)], 1)
        shut = opening[chosen] <= np.percentile(opening[chosen], SHUTTEST)
        asymmetry = appearance.asymmetry(exemplars["thumbnails"], shut)
        fit = _enough(flaws.calm(flaw, tongue, asymmetry, opening[chosen], beside), flaw + asymmetry)
        chosen, flaw, blur = chosen[fit], flaw[fit], blur[fit]
        exemplars = {name: values[fit] for name, values in exemplars.items()}
        sound = np.isin(np.arange(len(frames)), chosen)
    limits = limits_of(opening[sound])
    return Atlas(
        size=size,
        reference=reference,
        control=control,
        near=near,
        regression=regression,
        jaw_curve=_everywhere(jaw_curve, frames, template.frame_count),
        own=own_lips.measure(template, frames, opening, widths),
        limits=limits,
        width_limits=np.array([*np.percentile(widths[sound], [3, 50, 97]), widths[sound].std()], np.float32),
        angles=angles,
        shot=shot,
        fastest=np.maximum(_fastest(opening, frames, shot[frames]), UNHURRIED * np.ptp(limits) / float(template.fps)),
        exemplar_frame=frames[chosen],
        width=widths[chosen],
        slope=speed[chosen].astype(np.float32),
        shape_residual=shape_residual[chosen].astype(np.float32),
        flaw=flaw,
        blur=blur,
        pulls_faces=np.array(pulled),
        **stock.relative(exemplars, opening[chosen], limits[0]),
    )


def _enough(fit: npt.NDArray[np.bool_], flaw: Float32) -> npt.NDArray[np.bool_]:
    """The fit ones of exemplars [E]; where they are too few, those with the least flaws instead."""
    if fit.sum() >= ENOUGH:
        return fit
    least = np.zeros_like(fit)
    least[np.argsort(flaw, kind="stable")[:ENOUGH]] = True
    return least


def _regress(opening: Float32, widths: Float32, shapes: Float32) -> Float32:
    """Linear regression, float32 [3, V, 3]: shapes [n, V, 3] = (1, opening, width) . result."""
    design = np.stack([np.ones_like(opening), opening, widths], 1)
    ridge = np.diag([1e-6, 1e-3, 1e-3]).astype(np.float32)
    solved = np.linalg.solve(design.T @ design + ridge, design.T @ shapes.reshape(len(shapes), -1))
    return solved.reshape(3, -1, 3).astype(np.float32)


def _by_shot(measure: Callable[[Float32], Float32], curves: Float32, shot: Indices) -> Float32:
    """A measure over time, float32 [n, ...] -> [n, ...], taken of each shot alone. shot: int64 [n], ascending"""
    return np.concatenate([measure(curves[shot == one]) for one in np.unique(shot)])


def _slope(curve: Float32) -> Float32:
    """Change per frame [n]."""
    return np.gradient(curve) if len(curve) > 1 else np.zeros_like(curve)


def _fastest(opening: Float32, frames: Indices, shot: Indices) -> Float32:
    """99th percentile of the mouth's closing and of its opening from one frame to the next, float32 [2].

    frames, shot: of the openings [n], ascending
    """
    step = np.diff(opening)[(np.diff(frames) == 1) & (np.diff(shot) == 0)]
    return np.array([np.percentile(np.append(np.maximum(way, 0), 0), 99) for way in (-step, step)], np.float32)


def _everywhere(curves: Float32, frames: Indices, count: int) -> Float32:
    """Curves [n, C], known at `frames`, interpolated to all frames [count, C]."""
    every = np.arange(count)
    return np.stack([np.interp(every, frames, curve) for curve in curves.T], 1).astype(np.float32)


def _sizes(points: Float32, unit: Float32) -> Indices:
    """`Atlas.size`: one size for all frames, so that they batch, enough for the largest face and the widest mouth."""
    largest = float(np.percentile(unit, 98))
    lips = np.abs(points[:, mesh.OUTER_LIPS, :2] - centre(points, unit)[:, None])
    lips_half = np.percentile(lips.max(1), 98, axis=0)[::-1]
    half = lips_half + LAYER_MARGIN * largest
    tilt = np.radians(max(float(np.percentile(_tilt(points), 95)) - UPRIGHT, 0))
    upright = np.array(BASE_HALF) * largest
    base = np.maximum(upright * np.cos(tilt) + upright[::-1] * np.sin(tilt), half + 8)
    return np.concatenate([crop_size(base), crop_size(half), crop_size(lips_half + EXEMPLAR_MARGIN * largest)])


def _tilt(points: Float32) -> Float32:
    """Sideways tilt of the heads, degrees [n]."""
    eyes = points[:, mesh.LEFT_EYE, :2].mean(1) - points[:, mesh.RIGHT_EYE, :2].mean(1)
    return np.degrees(np.abs(np.arctan2(eyes[:, 1], eyes[:, 0])))  # type: ignore[no-any-return]


def most_varied(features: Float32, limit: int) -> Indices:
    """Indices of at most `limit` frames, in whole runs, that cover the space of features [n, F] well.

    Greedy: it adds the run that is farthest, on average, from the frames chosen so far.
    """
    count = len(features)
    if count <= limit:
        return np.arange(count)
    runs = [np.arange(s, min(s + RUN, count)) for s in range(0, count, RUN)]
    distance = np.full(count, np.inf, np.float32)
    gain = np.array([np.linalg.norm(features[r] - features.mean(0), axis=1).mean() for r in runs])
    kept: list[Indices] = []
    for _ in range(max(limit // RUN, 1)):
        best = int(gain.argmax())
        kept.append(runs[best])
        for member in runs[best]:
            distance = np.minimum(distance, np.linalg.norm(features - features[member], axis=1))
        gain = np.array([distance[r].mean() for r in runs])
    return np.unique(np.concatenate(kept))


def limits_of(opening: Float32) -> Float32:
    """`Atlas.limits` from the apertures of the frames, float32 [n]: the range in which speech moves this mouth.

    Where the frames show more than anybody opens the mouth to talk, the range is narrowed.
    """
    low, high = np.percentile(opening, [3, 97])
    speaking = opening[opening > low + 0.15 * (high - low)]
    percentiles = np.minimum(np.percentile(speaking, [15, 35, 55, 75, 95]), high)
    shut = low if low < LARGEST_SHUT else SHUT
    calmer = min(1.0, (LARGEST_SPOKEN - shut) / max(percentiles[-1] - shut, 1e-6))
    return np.array([shut, *(shut + calmer * (percentiles - shut))], np.float32)


def _control_points(reference: Float32) -> tuple[Indices, Indices]:
    """`Atlas.control` and `Atlas.near`.

    The base has no points on the inner lips, which the mouth layer covers. Pushed together to shut a wide mouth, they
    would only tear the skin around them.
    """
    control = renderer_inputs.control_points(reference, mesh.OUTER_LIPS)
    away = np.linalg.norm(reference - reference[mesh.MOUTH_CORNERS].mean(0), axis=1)
    return control, np.concatenate([mesh.INNER_LIPS, control[away[control] < NEAR]])
