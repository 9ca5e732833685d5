"""Plans are sliced by frame and come back from disk as they were, those of earlier versions included."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.core.notices import Notice
from digital_human.engines.base import Plan, slice_plan


@pytest.fixture
def plan() -> Plan:
    return Plan(
        {"pose": np.arange(5), "around": np.arange(15).reshape(5, 3)},
        {"mel": np.zeros((40, 80), np.float32)},
        aperture=np.linspace(0, 1, 5, dtype=np.float32),
        draws=np.array([1, 2, 1, 1, 2]),
        notices=[Notice("face_small", {"width": 60})],
    )


def test_a_slice_has_the_rows_of_its_frames_and_whole_timelines(plan: Plan) -> None:
    part = slice_plan(plan, np.array([1, 3]))
    assert part.arrays["pose"].tolist() == [1, 3]
    assert part.arrays["around"].tolist() == [[3, 4, 5], [9, 10, 11]]
    assert part.aperture is not None and part.aperture.tolist() == [0.25, 0.75]
    assert part.draws is not None and part.draws.tolist() == [2, 1]
    assert part.timelines["mel"] is plan.timelines["mel"]


def test_a_plan_comes_back_from_its_arrays(plan: Plan) -> None:
    again = Plan.from_arrays(plan.to_arrays())
    assert again.arrays.keys() == plan.arrays.keys() and again.timelines.keys() == plan.timelines.keys()
    assert np.array_equal(np.asarray(again.aperture), np.asarray(plan.aperture))
    assert np.array_equal(np.asarray(again.draws), np.asarray(plan.draws))
    assert list(again.notices) == list(plan.notices)


def test_a_plan_without_aperture_and_draws_comes_back_without() -> None:
    again = Plan.from_arrays(Plan({"pose": np.arange(3)}).to_arrays())
    assert again.aperture is None and again.draws is None and not again.timelines


def test_arrays_that_the_version_before_stored_are_read() -> None:
    names = ("pose", "width", "slow", "around", "other", "weight")
    stored = dict.fromkeys((*names, "aperture", "draws"), np.ones(4)) | {"timeline_mel": np.zeros((9, 80))}
    plan = Plan.from_arrays(stored)
    assert set(plan.arrays) == set(names) and set(plan.timelines) == {"mel"}
    assert plan.aperture is not None and plan.aperture.dtype == np.float32
    assert plan.draws is not None and plan.draws.dtype == np.int64


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="'pose': 3, 'width': 4"):
        Plan({"pose": np.arange(3), "width": np.zeros(4)})


@pytest.mark.parametrize("name", ["aperture", "draws", "notices", "timeline_mel"])
def test_names_that_the_stored_form_uses_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Plan({name: np.zeros(3)})
