"""Which exemplar shows each output frame: the Viterbi path through the stock, found window by window.

Costs are squared deviations over what goes unnoticed, so 1 is "just visible". The look-ahead is bounded: a window is
searched together with some frames after it, and only the window is kept, so memory does not grow with the speech.
"""

from __future__ import annotations

import numpy as np

from digital_human.core.frame import Float32, Float64
from digital_human.core.landmarks import Indices
from digital_human.engines.exemplar.atlas import Atlas

WINDOW, LOOK_AHEAD = 100, 30
CANDIDATES = 80
"""Frames searched at once, frames looked ahead, exemplars considered for each frame."""

WIDTH_COST, SLOPE_COST, SHAPE_COST, BLUR_COST, POSE_COST = 1.2, 0.3, 0.25, 6.0, 8.0
SHUT_TOLERANCE = 0.008
"""Openings this close are alike when the mouth is to shut: whether it really is, `gap` tells better than the mesh."""
POSE_TOLERANCE = 8.0
"""Degrees. The cost of pose grows by its logarithm: a turned head is a pity, a wrong mouth is wrong."""
JUMP_COST, APPEARANCE_COST = 3.0, 1.0
"""Of a change of run: fixed, and for each unit of unlikeness."""


def choose(atlas: Atlas, aperture: Float32, width: Float32, frame_indices: Indices) -> Indices:
    """Exemplar of every output frame, int64 [N].

    aperture, width: what is to be drawn [N]; order: template frame under each output frame [N]
    """
    count = len(frame_indices)
    chosen = np.zeros(count, np.int64)
    slope = np.gradient(aperture).astype(np.float32) if count > 1 else np.zeros(1, np.float32)
    quiet = _quiet(atlas, aperture)
    change = _change(atlas.exemplar_frame, atlas.appearance_distance)
    previous: int | None = None
    for start in range(0, count, WINDOW):
        part = slice(start, min(start + WINDOW + LOOK_AHEAD, count))
        cost = _frame_cost(atlas, aperture[part], width[part], slope[part], quiet[part], frame_indices[part])
        path = _viterbi(cost, change, previous)
        keep = min(WINDOW, count - start)
        chosen[start : start + keep] = path[:keep]
        previous = int(path[keep - 1])
    return chosen


def _quiet(atlas: Atlas, aperture: Float32) -> Float32:
    """1 inside a pause, 0 in speech, over about 11 frames."""
    shut = (aperture < atlas.limits[0] + 0.015).astype(np.float32)
    return np.convolve(np.pad(shut, 5, "edge"), np.full(11, 1 / 11), "valid")


def _frame_cost(
    atlas: Atlas, aperture: Float32, width: Float32, slope: Float32, quiet: Float32, frame_indices: Indices
) -> Float32:
    """Cost of every exemplar for every frame, [n, E]."""
    shown, shut = atlas.aperture, atlas.limits[0]
    wanted = aperture[:, None]
    closing = np.clip((shut + 0.03 - wanted) / 0.02, 0, 1)
    miss = np.maximum(np.abs(shown - wanted) - SHUT_TOLERANCE * closing, 0)
    miss *= np.where(shown < wanted, 2, 1 + closing)
    cost = (miss / (0.012 + 0.06 * wanted)) ** 2
    cost = cost + WIDTH_COST * ((atlas.width - width[:, None]) / 0.035) ** 2
    cost += SLOPE_COST * ((atlas.slope - slope[:, None]) / 0.03) ** 2
    angles = atlas.angles
    turn = angles[frame_indices][:, None] - angles[atlas.exemplar_frame]
    cost += POSE_COST * np.log1p((turn**2 * np.array([1, 1, 0.3])).sum(2) / POSE_TOLERANCE**2)
    cost += SHAPE_COST * (1 + 3 * quiet[:, None]) * np.minimum(atlas.shape_residual, 6)
    cost += BLUR_COST * atlas.blur
    cost += (0.3 + 0.7 * quiet[:, None]) * np.clip((atlas.lip_compression - 0.1) / 0.1, 0, 3) ** 2
    cost += closing * np.clip(atlas.gap / 0.08, 0, 3) ** 2
    cost += closing * (atlas.aperture_bias / 0.01) ** 2
    return cost.astype(np.float32)  # type: ignore[no-any-return]


def _viterbi(cost: Float32, change: Float64, previous: int | None) -> Indices:
    """Cheapest path through cost [n, E], begun after the exemplar `previous`. change: [E, E], see `_change`"""
    kept = min(CANDIDATES, cost.shape[1])
    candidates = np.argpartition(cost, kept - 1, axis=1)[:, :kept]
    candidates.sort(axis=1)
    own = np.take_along_axis(cost, candidates, 1)
    total = own[0]
    if previous is not None:
        total = total + change[candidates[0], previous]
    back, every = np.zeros((len(cost), kept), np.int64), np.arange(kept)
    for i in range(1, len(cost)):
        step = total + change[candidates[i][:, None], candidates[i - 1]]
        back[i] = step.argmin(1)
        total = step[every, back[i]] + own[i]
    at = int(total.argmin())
    path = np.zeros(len(cost), np.int64)
    for i in range(len(cost) - 1, -1, -1):
        path[i] = candidates[i, at]
        at = int(back[i, at])
    return path


def _change(frames: Indices, appearance_distance: Float32) -> Float64:
    """Cost of showing each exemplar behind each, [E, E]: nothing for the template's own next frame.

    frames: ascending
    """
    change = (JUMP_COST + APPEARANCE_COST * np.minimum(appearance_distance.T, 8)).astype(np.float64, order="C")
    every = np.arange(len(frames))
    for step, cost in ((1, 0.0), (0, 0.6), (-1, 0.8), (2, 0.8)):
        before = np.minimum(np.searchsorted(frames, frames - step), len(frames) - 1)
        there = frames[before] == frames - step
        change[every[there], before[there]] = cost
    return change


def fades(atlas: Atlas, chosen: Indices, aperture: Float32) -> tuple[Indices, Float32]:
    """A second exemplar for every frame and its weight, [N] each: cross-fades around changes of run.

    Only between mouths that are about equally open: others would show double lips. Weight 0 means no second one.
    """
    frames, shown = atlas.exemplar_frame, atlas.aperture
    other, weight = chosen.copy(), np.zeros(len(chosen), np.float32)
    jumps = np.flatnonzero(np.abs(np.diff(frames[chosen])) > 2)
    for i in jumps:
        for here, there in ((i, i + 1), (i + 1, i)):
            open_as = ((shown[chosen[there]] - aperture[here]) / (0.01 + 0.1 * aperture[here])) ** 2
            share = 0.33 * np.exp(-open_as)
            if share > max(weight[here], 0.08):
                other[here], weight[here] = chosen[there], share
    return other, weight
