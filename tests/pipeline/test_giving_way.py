"""How mouths fade beside frames that pass, wherever batches end."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.pipeline.giving_way import Drawn, fade, near_passed


def grey(level: int) -> Frame:
    return Frame(np.full((6, 4), level, np.uint8), "bt709")


def batch(passed: list[bool]) -> list[Drawn]:
    """Drawn frames are 200, the template's own 100."""
    near = near_passed(len(passed), np.flatnonzero(passed))
    return [
        Drawn(grey(100 if one else 200), one, partial(grey, 100) if close else None)
        for one, close in zip(passed, near, strict=True)
    ]


@pytest.mark.parametrize("size", [1, 2, 4, 5, 8, 16])
def test_the_fade_does_not_stop_where_a_batch_ends(size: int) -> None:
    passed = [k in (4, 9) for k in range(16)]
    frames = fade(one for start in range(0, 16, size) for one in batch(passed[start : start + size]))
    levels = [int(frame.data[0, 0]) for frame in frames]
    assert levels == [200, 200, 167, 133, 100, 133, 167, 167, 133, 100, 133, 167, 200, 200, 200, 200]


def test_no_own_frames_are_kept_in_the_middle_of_a_batch_in_which_none_passed() -> None:
    assert near_passed(8, np.zeros(0, np.int64)).tolist() == [True, True, False, False, False, False, True, True]
    assert [frame.data[0, 0] for frame in fade([])] == []
