"""A template that talks: its own mouths, chosen and re-posed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import Any

import numpy as np

from digital_human.core.batching import infer_padded
from digital_human.core.frame import Float32, Frame, Uint8, insert_yuv
from digital_human.core.landmarks import Indices
from digital_human.engines.base import Arrays, Models, Template
from digital_human.engines.exemplar import analysis, lip_geometry, lip_shape, renderer_inputs, retargeting, retrieval
from digital_human.engines.exemplar.atlas import Atlas
from digital_human.engines.exemplar.speech_to_lips import LipCurves
from digital_human.errors import ServiceError

RENDERER = "mouth_renderer"


def analyse(template: Template, models: Models) -> Arrays:
    """See `Atlas`. The renderer meets its shapes meanwhile, for which OpenVINO has it compiled."""

    def begin(size: Indices, control: int, near: int) -> None:
        blank = renderer_inputs.blank(size, control, near)
        Thread(target=_draw_blank, args=(models, blank), name="draw blank", daemon=True).start()

    return analysis.analyse(template, begin).to_arrays()


def _draw_blank(models: Models, blank: Arrays) -> None:
    # Nobody waits for this; what is wrong will be said where frames are drawn.
    with suppress(ServiceError):
        models.infer(RENDERER, blank)


def plan(arrays: Arrays, curves: LipCurves, frame_indices: Indices, strength: float = 1.0) -> Arrays:
    """Targets of N output frames; order: template frame under each; strength: see `curves.strengthened`."""
    atlas = Atlas.from_arrays(arrays)
    opening = retargeting.aperture(curves.aperture, curves.closure, curves.silence, atlas.limits)
    opening = retargeting.strengthened(opening, strength, atlas.limits)
    return arrange(atlas, opening, retargeting.width(curves.width, curves.silence, atlas.width_limits), frame_indices)


def arrange(atlas: Atlas, aperture: Float32, width: Float32, frame_indices: Indices) -> Arrays:
    """The plan that draws these curves.

    pose      i8 [N]     template frame shown
    aperture  f4 [N]     opening to draw, inter-ocular distances: the curve that drives the mouth
    width     f4 [N]     distance of the corners, the same
    slow      f4 [N, 2]  both as the jaw follows them
    around    i8 [N, 3]  exemplars of the previous, this and the next frame
    other     i8 [N]     a second exemplar
    weight    f4 [N]     and its share, 0 where there is none
    draws     i8 [N]     1 or, as `render` says, 2
    """
    chosen = retrieval.choose(atlas, aperture, width, frame_indices)
    other, weight = retrieval.fades(atlas, chosen, aperture)
    split = renderer_inputs.needs_split(atlas, chosen, aperture)
    before, after = np.concatenate([chosen[:1], chosen[:-1]]), np.concatenate([chosen[1:], chosen[-1:]])
    return {
        "pose": frame_indices,
        "aperture": aperture,
        "width": width,
        "slow": lip_geometry.jaw_curve(np.stack([aperture, width], 1)),
        "around": np.stack([before, chosen, after], 1),
        "other": other,
        "weight": weight,
        "draws": 1 + (split | (weight > 0)),
    }


def render(template: Template, arrays: Arrays, plan: Arrays, frames: Sequence[Frame], models: Models) -> list[Frame]:
    """Draw the frames of `plan`.

    Those with two exemplars are drawn twice and mixed; so are those whose lips are far apart and shall be shut, once
    for each lip.
    """
    atlas = Atlas.from_arrays(arrays)
    values: dict[str, Any] = dict(plan)
    around, other, weight = values["around"], values["other"], values["weight"]
    wanted = values["aperture"], values["width"], values["slow"]
    here, drawn = lip_shape.draw(atlas, template.track, values["pose"], around, *wanted)
    exemplar = around[:, 1]
    split = renderer_inputs.needs_split(atlas, exemplar, values["aperture"])
    mixed = (weight > 0) & ~split
    again = np.flatnonzero(split | mixed)
    every = np.concatenate([np.arange(len(frames)), again])
    exemplars = np.concatenate([exemplar, np.where(split, exemplar, other)[again]])
    free_lip = np.concatenate(
        [np.where(split, renderer_inputs.LOWER, renderer_inputs.NEITHER), split[again] * renderer_inputs.UPPER]
    )
    batch = renderer_inputs.build(
        atlas, template.track, [frames[k] for k in every], here[every], drawn[every], exemplars, free_lip
    )
    images = np.asarray(infer_padded(models, RENDERER, batch.inputs, "image"), np.uint8)
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
    """share: of the second, a scalar or one for every value."""
    blend = first + np.asarray(share, np.float32) * (second.astype(np.float32) - first)
    return np.asarray(np.rint(blend), np.uint8)
