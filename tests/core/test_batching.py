"""How output frames are grouped for the networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.batching import MIN_BATCH, batch_sizes, infer_padded
from digital_human.core.types import Arrays


def pictures(draws: npt.NDArray[Any], sizes: Sequence[int]) -> list[int]:
    """What is drawn for each batch."""
    return [int(part.sum()) for part in np.split(draws, np.cumsum(sizes)[:-1])]


@pytest.mark.parametrize("count", [1, 3, 12, 13, 100, 1501])
@pytest.mark.parametrize("largest", [1, 2, 4, 9, 16, 64])
def test_every_frame_is_in_one_batch_and_none_is_too_large(count: int, largest: int) -> None:
    draws = np.random.default_rng(count).integers(0, 3, count)
    sizes = batch_sizes(draws, largest)
    assert sum(sizes) == count
    assert min(sizes) > 0
    assert max(sizes) <= largest
    assert max(pictures(draws, sizes)) <= max(largest, 2)


def test_frames_that_are_drawn_twice_leave_batches_of_the_same_few_sizes() -> None:
    draws = 1 + (np.random.default_rng(0).random(1000) < 0.15)
    drawn = pictures(draws, batch_sizes(draws, 16))
    padded = {-(-n // MIN_BATCH) * MIN_BATCH for n in drawn}
    assert padded == {4, 8, 16}
    assert sum(-n % MIN_BATCH for n in drawn) < 0.02 * draws.sum()


def test_batches_grow_so_that_work_begins_at_once_and_ends_small() -> None:
    assert batch_sizes(np.ones(55, np.int64), 16) == [4, 8, 16, 16, 4, 4, 3]
    assert batch_sizes(np.ones(55, np.int64), 32) == [4, 8, 16, 4, 4, 4, 4, 4, 4, 3]


def test_frames_for_which_nothing_is_drawn_do_not_pile_up() -> None:
    sizes = batch_sizes(np.zeros(500, np.int64), 16)
    assert sum(sizes) == 500
    assert max(sizes) <= 16


class Doubling:
    """Remembers the number of items it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, Any]:
        self.asked.append(len(inputs["x"]))
        return {"y": inputs["x"] * 2}  # type: ignore[operator]


@pytest.mark.parametrize(("count", "asked"), [(1, 4), (4, 4), (15, 16), (16, 16), (17, 20)])
def test_a_batch_is_filled_up_and_only_its_own_items_come_back(count: int, asked: int) -> None:
    models = Doubling()
    items = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    assert np.array_equal(infer_padded(models, "any", {"x": items}, "y"), items * 2)
    assert models.asked == [asked]
