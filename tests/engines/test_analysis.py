"""What the default engine learns of a person from the frames of a template."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.core.frame import Float32
from digital_human.engines.exemplar.analysis import LARGEST_SPOKEN, limits_of


def openings(widest: float) -> Float32:
    """A mouth that opens and shuts evenly, float32 [200]."""
    swing = 0.5 - 0.5 * np.cos(np.linspace(0, 20 * np.pi, 200))
    return np.asarray(widest * swing, np.float32)


def test_a_person_who_talks_keeps_their_range() -> None:
    limits = limits_of(openings(0.33))
    assert limits[-1] == pytest.approx(np.percentile(openings(0.33), 95), abs=0.02)


def test_a_person_who_shouts_does_not_talk_so_wide() -> None:
    shouted, talked = limits_of(openings(0.6)), limits_of(openings(0.33))
    assert shouted[-1] == pytest.approx(LARGEST_SPOKEN)
    assert (np.diff(shouted) > 0).all()
    assert shouted[1] < talked[1] + 0.05
    assert shouted[0] == pytest.approx(talked[0], abs=0.02)
