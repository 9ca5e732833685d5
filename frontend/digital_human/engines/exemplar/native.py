"""A template that talks: its own mouth, chosen frame by frame and re-posed. A `Mouth` of the default engine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from digital_human.core.batching import infer_padded
from digital_human.core.frame import Float32, Frame, Uint8, insert_yuv
from digital_human.core.landmarks import Indices
from digital_human.core.types import Arrays, Models, Template
from digital_human.engines.base import Plan
from digital_human.engines.exemplar import lip_geometry, lip_shape, own_lips, renderer_inputs, retargeting, retrieval
from digital_human.engines.exemplar.analysis import build_atlas
from digital_human.engines.exemplar.atlas import Atlas
from digital_human.engines.exemplar.in_front import InFront
from digital_human.engines.exemplar.speech_to_lips import LipCurves
from digital_human.errors import ServiceError


def analyse(template: Template, models: Models) -> Arrays:
    """The arrays of an `Atlas`.

    Meanwhile the renderer runs once on blank input of this template's shapes, for which OpenVINO compiles it.
    """

    def warm_up(size: Indices, control: int, near: int) -> None:
        blank = renderer_inputs.blank(size, control, near)
        Thread(target=_infer_blank, args=(models, blank), name="warm up renderer", daemon=True).start()

    return build_atlas(template, warm_up).to_arrays()


def _infer_blank(models: Models, blank: Arrays) -> None:
    # Nobody waits for the result. If Triton fails, rendering will report it.
    with suppress(ServiceError):
        models.infer(renderer_inputs.MODEL, blank)


def plan(analysis: Arrays, curves: LipCurves, frame_indices: Indices, strength: float = 1.0) -> Plan:
    """The plan that brings lip curves into this person's range; strength: see `retargeting.strengthened`."""
    atlas = Atlas.from_arrays(analysis)
    opening = retargeting.aperture(curves.aperture, curves.silence, atlas.limits)
    opening = retargeting.unhurried(retargeting.strengthened(opening, strength, atlas.limits), atlas.fastest)
    resting = retargeting.resting_width(analysis)
    width = retargeting.width(curves.width, curves.silence, atlas.width_limits, resting)
    return arrange(atlas, opening, width, frame_indices)


def arrange(atlas: Atlas, aperture: Float32, width: Float32, frame_indices: Indices) -> Plan:
    """The plan that draws an aperture and a width, float32 [N], inter-ocular distances.

    The arrays of the plan, whose names are those of plans on disk:

    pose    int64 [N], template frame
    width   float32 [N], distance between the corners of the mouth, inter-ocular distances
    slow    float32 [N, 2], aperture and width as the jaw follows them
    around  int64 [N, 3], exemplars of the previous, this and the next frame
    other   int64 [N], a second exemplar
    weight  float32 [N], its share, 0 where there is none
    """
    aperture, width = own_lips.approached(atlas.own, aperture, width, frame_indices)
    chosen = retrieval.choose(atlas, aperture, width, frame_indices)
    aperture = np.minimum(aperture, retrieval.largest(atlas)[chosen])
    cut = retrieval.cuts(atlas, frame_indices)
    other, weight = retrieval.fades(atlas, chosen, aperture, cut)
    split = renderer_inputs.needs_split(atlas, chosen, aperture)
    before, after = np.concatenate([chosen[:1], chosen[:-1]]), np.concatenate([chosen[1:], chosen[-1:]])
    before, after = np.where(cut, chosen, before), np.where(np.append(cut[1:], False), chosen, after)
    arrays = {
        "pose": frame_indices,
        "width": width,
        "slow": lip_geometry.jaw_curve(np.stack([aperture, width], 1)),
        "around": np.stack([before, chosen, after], 1),
        "other": other,
        "weight": weight,
    }
    return Plan(arrays, aperture=aperture, draws=1 + (split | (weight > 0)))


def render(template: Template, analysis: Arrays, plan: Plan, frames: Sequence[Frame], models: Models) -> list[Frame]:
    """The frames with their mouths drawn as planned.

    A frame with two exemplars is drawn twice and mixed. So is one whose exemplar has lips too far apart to be shut by
    one displacement field: once for each lip.
    """
    atlas = Atlas.from_arrays(analysis)
    aperture, arrays = plan.aperture, cast(dict[str, npt.NDArray[Any]], plan.arrays)
    assert aperture is not None
    around, other, weight = arrays["around"], arrays["other"], arrays["weight"]
    here, drawn = lip_shape.target_landmarks(
        atlas, template.track, arrays["pose"], around, aperture, arrays["width"], arrays["slow"]
    )
    exemplar = around[:, 1]
    split = renderer_inputs.needs_split(atlas, exemplar, aperture)
    mixed = (weight > 0) & ~split
    again = np.flatnonzero(split | mixed)
    every = np.concatenate([np.arange(len(frames)), again])
    exemplars = np.concatenate([exemplar, np.where(split, exemplar, other)[again]])
    free_lip = np.concatenate(
        [np.where(split, renderer_inputs.LOWER, renderer_inputs.NEITHER), split[again] * renderer_inputs.UPPER]
    )
    in_front = InFront.of(template.cover, arrays["pose"][every])
    batch = renderer_inputs.build(
        atlas, template.track, [frames[k] for k in every], here[every], drawn[every], exemplars, free_lip, in_front
    )
    images = np.asarray(infer_padded(models, renderer_inputs.MODEL, batch.inputs, "image"), np.uint8)
    finished = []
    for k, frame in enumerate(frames):
        image = images[k]
        if split[k] or mixed[k]:
            second = images[len(frames) + int(np.searchsorted(again, k))]
            rows, columns = image.shape[0] * 2 // 3, image.shape[1]
            share = renderer_inputs.seam(drawn[k] - batch.origin[k], rows, columns) if split[k] else weight[k]
            image = _mix(image, second, share)
        out = frame.copy()
        x, y = (int(v) for v in batch.origin[k])
        insert_yuv(out, Frame(image, frame.matrix), x, y)
        finished.append(out)
    return finished


def _mix(first: Uint8, second: Uint8, share: Float32) -> Uint8:
    """Two images mixed. share: of the second one, a scalar or an array of the same shape."""
    blend = first + np.asarray(share, np.float32) * (second.astype(np.float32) - first)
    return np.asarray(np.rint(blend), np.uint8)
