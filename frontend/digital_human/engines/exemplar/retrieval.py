"""The exemplar of each output frame: the Viterbi path through all exemplars, found window by window.

Costs are squared deviations in units of what goes unnoticed, so 1 is just visible. Each window is searched together
with a bounded look-ahead, of which nothing is kept, so memory does not grow with the speech.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Float64
from digital_human.core.landmarks import Indices
from digital_human.engines.exemplar.atlas import Atlas
from digital_human.engines.exemplar.lip_shape import OPENED_BY_WARP

WINDOW, LOOK_AHEAD = 100, 30
"""Frames that a search settles, and frames after them that it takes into account."""
CANDIDATES = 80
"""Exemplars considered for each frame."""

WIDTH_COST, SLOPE_COST, SHAPE_COST, BLUR_COST, FLAW_COST, POSE_COST = 1.2, 0.3, 0.25, 6.0, 3.0, 8.0
RUINED_COST = 9.0
"""More for each unit of `flaw` beyond the first: a mouth that opens less, or too wide, is better than a ruined one."""
SHUT_TOLERANCE = 0.008
"""Difference of aperture that does not count while the mouth shuts: `gap` shows better whether it is shut."""
GAP_TOLERANCE = 0.05
"""`gap` that is just visible where lips are to touch."""
POSE_TOLERANCE = 8.0
"""Degrees. The cost of pose grows logarithmically: a turned head is worse, a wrong mouth is wrong."""
SHOT_COST = 4.0
"""Of an exemplar from another shot, whose light and size differ."""
STRETCH, LEAST_STRETCH = 0.12, 0.012
"""By how much the opening of an exemplar may be drawn larger: a share of it, and at least, inter-ocular distances."""
JUMP_COST, APPEARANCE_COST = 3.0, 1.0
"""Cost of a jump to another run of frames: fixed, and per unit of `appearance_distance`."""


def choose(atlas: Atlas, aperture: Float32, width: Float32, frame_indices: Indices) -> Indices:
    """Exemplar of each output frame, int64 [N].

    aperture, width: what is to be drawn [N], inter-ocular distances
    frame_indices:   template frame under each output frame [N]
    """
    count = len(frame_indices)
    chosen = np.zeros(count, np.int64)
    slope = np.gradient(aperture).astype(np.float32) if count > 1 else np.zeros(1, np.float32)
    quiet = _quiet(atlas, aperture)
    change = change_costs(atlas)
    cut = cuts(atlas, frame_indices)
    previous: int | None = None
    for start in range(0, count, WINDOW):
        part = slice(start, min(start + WINDOW + LOOK_AHEAD, count))
        cost = _frame_cost(atlas, aperture[part], width[part], slope[part], quiet[part], frame_indices[part])
        path = _viterbi(cost, change, None if cut[start] else previous, cut[part])
        keep = min(WINDOW, count - start)
        chosen[start : start + keep] = path[:keep]
        previous = int(path[keep - 1])
    return chosen


def choose_next(
    atlas: Atlas,
    change: Float64,
    previous: int | None,
    aperture: Float32,
    width: Float32,
    before: int,
    frame_indices: Indices,
) -> Indices:
    """Exemplars of one frame and of the few after it, int64 [n], when no more of the speech is known yet.

    change:          `change_costs`
    previous:        exemplar of the frame before; None where there is none
    aperture, width: what is to be drawn [before + n]; the first `before` of them have been drawn
    frame_indices:   template frames under the last one drawn and the n frames [1 + n]
    """
    here = slice(before, None)
    slope = np.gradient(aperture).astype(np.float32)[here]
    quiet = _quiet(atlas, aperture)[here]
    cut = cuts(atlas, frame_indices)[1:]
    cost = _frame_cost(atlas, aperture[here], width[here], slope, quiet, frame_indices[1:])
    return _viterbi(cost, change, None if cut[0] else previous, cut)


def change_costs(atlas: Atlas) -> Float64:
    """Cost of each exemplar after each other one, float64 [E, E], for `choose_next`."""
    return _change(atlas.exemplar_frame, atlas.appearance_distance, atlas.shot)


def cuts(atlas: Atlas, frame_indices: Indices) -> npt.NDArray[np.bool_]:
    """Output frames that show another shot of the template than the one before, bool [N]."""
    shot = atlas.shot[frame_indices]
    return np.asarray(np.diff(shot, prepend=shot[:1]) != 0)


def _quiet(atlas: Atlas, aperture: Float32) -> Float32:
    """1 inside a pause, 0 in speech, over about 11 frames."""
    shut = (aperture < atlas.limits[0] + 0.015).astype(np.float32)
    return np.convolve(np.pad(shut, 5, "edge"), np.full(11, 1 / 11), "valid")


def _frame_cost(
    atlas: Atlas, aperture: Float32, width: Float32, slope: Float32, quiet: Float32, frame_indices: Indices
) -> Float32:
    """Cost of each exemplar for each frame, float32 [n, E]."""
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
    cost += FLAW_COST * atlas.flaw + RUINED_COST * np.maximum(atlas.flaw - 1, 0)
    cost += SHOT_COST * (atlas.shot[frame_indices][:, None] != atlas.shot[atlas.exemplar_frame])
    cost += (0.3 + 0.7 * quiet[:, None]) * np.clip((atlas.lip_compression - 0.1) / 0.1, 0, 3) ** 2
    cost += (1 + quiet[:, None]) * closing * np.clip(atlas.gap / GAP_TOLERANCE, 0, 4) ** 2
    cost += closing * (atlas.aperture_bias / 0.01) ** 2
    return cost.astype(np.float32)  # type: ignore[no-any-return]


def _viterbi(cost: Float32, change: Float64, previous: int | None, cut: npt.NDArray[np.bool_]) -> Indices:
    """Cheapest path through cost [n, E], after the exemplar `previous`. change: [E, E], see `_change`."""
    kept = min(CANDIDATES, cost.shape[1])
    candidates = np.argpartition(cost, kept - 1, axis=1)[:, :kept]
    candidates.sort(axis=1)
    local = np.take_along_axis(cost, candidates, 1)
    total = local[0]
    if previous is not None:
        total = total + change[candidates[0], previous]
    back, every = np.zeros((len(cost), kept), np.int64), np.arange(kept)
    for i in range(1, len(cost)):
        between = change[candidates[i][:, None], candidates[i - 1]]
        step = total + (np.zeros_like(between) if cut[i] else between)
        back[i] = step.argmin(1)
        total = step[every, back[i]] + local[i]
    at = int(total.argmin())
    path = np.zeros(len(cost), np.int64)
    for i in range(len(cost) - 1, -1, -1):
        path[i] = candidates[i, at]
        at = int(back[i, at])
    return path


def _change(frames: Indices, appearance_distance: Float32, shot: Indices) -> Float64:
    """Cost of each exemplar after each other one, float64 [E, E]: 0 for the template's next frame in the same shot.

    frames: template frames of the exemplars, ascending
    shot:   int64 [T], see `Atlas`
    """
    change = (JUMP_COST + APPEARANCE_COST * np.minimum(appearance_distance.T, 8)).astype(np.float64, order="C")
    every = np.arange(len(frames))
    for step, cost in ((1, 0.0), (0, 0.6), (-1, 0.8), (2, 0.8)):
        before = np.minimum(np.searchsorted(frames, frames - step), len(frames) - 1)
        matches = (frames[before] == frames - step) & (shot[frames[before]] == shot[frames])
        change[every[matches], before[matches]] = cost
    return change


def largest(atlas: Atlas) -> Float32:
    """Aperture up to which each exemplar may be opened, float32 [E]: teeth must not be drawn out."""
    seen = atlas.aperture + atlas.aperture_bias
    return atlas.aperture + np.maximum(STRETCH * seen, LEAST_STRETCH) / (1 - OPENED_BY_WARP)


def fades(atlas: Atlas, chosen: Indices, aperture: Float32, cut: npt.NDArray[np.bool_]) -> tuple[Indices, Float32]:
    """A second exemplar for each frame and its weight, [N] each: cross-fades around jumps.

    Only between mouths about equally open, since others would show double lips. A weight of 0 means no second exemplar.

    cut: bool [N], see `cuts`; nothing fades across one
    """
    frames, shown = atlas.exemplar_frame, atlas.aperture
    other, weight = chosen.copy(), np.zeros(len(chosen), np.float32)
    jumps = np.flatnonzero((np.abs(np.diff(frames[chosen])) > 2) & ~cut[1:])
    for i in jumps:
        for here, matches in ((i, i + 1), (i + 1, i)):
            open_as = ((shown[chosen[matches]] - aperture[here]) / (0.01 + 0.1 * aperture[here])) ** 2
            share = 0.33 * np.exp(-open_as)
            if share > max(weight[here], 0.08):
                other[here], weight[here] = chosen[matches], share
    return other, weight
