"""Batches of few different sizes.

A runtime that computes whole batches compiles a model again for every batch size, which takes OpenVINO as long as ten
frames. So batches hold MIN_BATCH images or the largest number, and double from one to the other at the start of a job.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from digital_human.core.types import Arrays, Models

T = TypeVar("T")

MIN_BATCH = 4
"""Images of the smallest batch. The size of every other batch is a multiple of it."""


def batch_sizes(draws: npt.NDArray[np.int64], largest: int) -> list[int]:
    """Frames in each batch: few at first, so that every stage soon has work, and few at the end.

    draws:   int64 [N], images that the model renders for each frame
    largest: images of a full batch, at least 1; also the largest number of frames of a batch
    """
    largest -= largest % MIN_BATCH if largest > MIN_BATCH else 0
    sizes: list[int] = []
    start, left, target = 0, int(draws.sum()), MIN_BATCH
    while start < len(draws):
        capacity = min(target if target <= left else MIN_BATCH, largest)
        target = min(target * 2, largest)
        images = np.cumsum(draws[start : start + capacity])
        size = max(int(np.searchsorted(images, capacity, side="right")), 1)
        sizes.append(size)
        left -= int(images[size - 1])
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
    """Run `models.infer` with the last item repeated up to a multiple of MIN_BATCH; return `output` without them.

    Models with their own `batch_multiple` get multiples of that.
    """
    count = len(next(iter(inputs.values())))
    multiple = getattr(models, "batch_multiple", MIN_BATCH)
    padded = {name: _padded(array, -count % multiple) for name, array in inputs.items()}
    return models.infer(model, padded, (output,))[output][:count]


def _padded(array: npt.NDArray[np.generic], count: int) -> npt.NDArray[np.generic]:
    return np.concatenate([array, np.repeat(array[-1:], count, 0)]) if count else array
