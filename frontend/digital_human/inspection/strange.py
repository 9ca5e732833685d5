"""How unlike anything that the person ever showed a part of a mouth looks."""

from __future__ import annotations

import numpy as np

from digital_human.core.frame import Float32
from digital_human.inspection.views import LOOK

WINDOW = 5
"""Side of the parts of a look that are compared, its pixels."""
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
"""By which a part may lie elsewhere."""
LIKE = 2
"""A part is as strange as it is far from the second most similar one."""


def strangeness(looks: Float32, others: Float32) -> Float32:
    """Of the strangest part of each look, root mean square difference [n].

    A fault covers a part of a mouth, and hardly changes how far the whole is from the most similar one.
    looks, others: see `views.look_of`, drawn ones [n, 720] and the person's own [m, 720], m > 1
    """
    own = others.reshape(-1, *LOOK)
    square = np.array([_strangest(look, own) for look in looks.reshape(-1, *LOOK)], np.float32)
    return np.sqrt(square / (WINDOW * WINDOW * LOOK[2]))  # type: ignore[no-any-return]


def _strangest(look: Float32, own: Float32) -> float:
    rows, columns, _ = LOOK
    nearest = np.full((len(own), rows - WINDOW + 1, columns - WINDOW + 1), np.inf, np.float32)
    for down, right in SHIFTS:
        here = np.s_[max(-down, 0) : rows - max(down, 0), max(-right, 0) : columns - max(right, 0)]
        there = np.s_[:, max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)]
        parts = _sums(((own[there] - look[here]) ** 2).sum(-1))
        y, x = here[0].start, here[1].start
        covered = nearest[:, y : y + parts.shape[1], x : x + parts.shape[2]]
        np.minimum(covered, parts, out=covered)
    return float(np.partition(nearest, LIKE - 1, axis=0)[LIKE - 1].max())


def _sums(values: Float32) -> Float32:
    """Sums over all windows, [m, rows - WINDOW + 1, columns - WINDOW + 1]. values: [m, rows, columns]"""
    over_rows = sum(values[:, k : values.shape[1] - WINDOW + 1 + k] for k in range(WINDOW))
    assert isinstance(over_rows, np.ndarray)
    return np.asarray(sum(over_rows[:, :, k : values.shape[2] - WINDOW + 1 + k] for k in range(WINDOW)), np.float32)
