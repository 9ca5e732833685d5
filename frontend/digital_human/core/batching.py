"""Batches of few sizes: a runtime that computes whole batches prepares a network anew for each number of pictures.

OpenVINO takes as long for that as for ten frames, so a job draws by LEAST or by its largest number, and at its start
doubles from the one to the other, whatever its length and however many of its frames are drawn twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from digital_human.core.types import Arrays, Models

T = TypeVar("T")

LEAST = 4
"""Pictures of a small batch. All others are a multiple of it."""


def batch_sizes(draws: npt.NDArray[np.int64], largest: int) -> list[int]:
    """Frames of each batch: few at first, so that every stage soon has work, and few at the end.

    draws:   [N], pictures a network draws for each frame
    largest: pictures of a full batch, at least 1; no batch has more frames than that either
    """
    largest -= largest % LEAST if largest > LEAST else 0
    sizes: list[int] = []
    start, left, grown = 0, int(draws.sum()), LEAST
    while start < len(draws):
        room = min(grown if grown <= left else LEAST, largest)
        grown = min(grown * 2, largest)
        drawn = np.cumsum(draws[start : start + room])
        size = max(int(np.searchsorted(drawn, room, side="right")), 1)
        sizes.append(size)
        left -= int(drawn[size - 1])
        start += size
    return sizes


def batched(items: Iterable[T], sizes: Iterable[int]) -> Iterator[list[T]]:
    """Consecutive lists of `sizes` items; the last one may be shorter."""
    iterator = iter(items)
    for size in sizes:
        batch = list(islice(iterator, size))
        if not batch:
            return
        yield batch


def infer_padded(models: Models, model: str, inputs: Arrays, output: str) -> npt.NDArray[np.generic]:
    """What `models.infer` gives for `output`, asked with the last item repeated up to a multiple of LEAST."""
    count = len(next(iter(inputs.values())))
    padded = {name: _padded(array, -count % LEAST) for name, array in inputs.items()}
    return models.infer(model, padded, (output,))[output][:count]


def _padded(array: npt.NDArray[np.generic], more: int) -> npt.NDArray[np.generic]:
    return np.concatenate([array, np.repeat(array[-1:], more, 0)]) if more else array
