"""The next best exemplar of a frame whose mouth was drawn and looked wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from digital_human.core.types import Arrays
from digital_human.engines.base import Plan
from digital_human.engines.exemplar import renderer_inputs
from digital_human.engines.exemplar.atlas import Atlas

AWAY = 12
"""Template frames around an exemplar that looked wrong, among which no other is sought: they look alike."""
LIKEWISE, NARROWER = 2, 0.6
"""Attempts with mouths as open as was asked for, and the share of that opening for those that follow: mouths that open
less are shown better, and one for some frames is seen less than a ruined one."""
APERTURE, WIDTH, POSE = 0.02, 0.05, 10.0
"""Differences that cost the same: of aperture and of width, inter-ocular distances, and of the head, degrees."""


def other_plan(analysis: Arrays, plan: Plan, attempt: int) -> Plan | None:
    """See `CanRedraw.other_plan`. None if all exemplars are from the moment that looked wrong."""
    atlas = Atlas.from_arrays(analysis)
    aperture, width = plan.aperture, np.asarray(plan.arrays["width"], np.float32)
    assert aperture is not None
    if attempt >= LIKEWISE:
        aperture = (aperture * NARROWER).astype(np.float32)
    pose, frames = np.asarray(plan.arrays["pose"], np.int64), atlas.exemplar_frame
    chosen = np.empty(len(pose), np.int64)
    for k, around in enumerate(np.asarray(plan.arrays["around"], np.int64)):
        turn = atlas.angles[pose[k]] - atlas.angles[frames]
        cost = ((atlas.aperture - aperture[k]) / APERTURE) ** 2 + ((atlas.width - width[k]) / WIDTH) ** 2
        cost += (turn**2).sum(1) / POSE**2 + np.minimum(atlas.shape_residual, 6) + 6 * atlas.blur
        cost += 4.0 * (atlas.shot[pose[k]] != atlas.shot[frames])
        barred = [frames[around[1]]]
        for _ in range(attempt + 1):
            free = (np.abs(frames[:, None] - barred) >= AWAY).all(1)
            if not free.any():
                return None
            chosen[k] = int(np.where(free, cost, np.inf).argmin())
            barred.append(frames[chosen[k]])
    split = renderer_inputs.needs_split(atlas, chosen, aperture)
    arrays = {
        **plan.arrays,
        "around": np.stack([chosen] * 3, 1),
        "other": chosen,
        "weight": np.zeros(len(chosen), np.float32),
    }
    return replace(plan, arrays=arrays, aperture=aperture, draws=1 + split.astype(np.int64))
