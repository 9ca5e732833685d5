"""What is measured of a mouth at rest and at work."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")
pytest.importorskip("torch")

from benchmarks.lip_rest import contrast, lip_leak, motion, opening, table
from export.networks.spectra import PHONEMES


def test_frames_leak_whose_mouth_is_open_for_its_width() -> None:
    assert lip_leak(np.array([0.0, 0.1, 0.2, 0.3]), np.full(4, 0.6)) == 0.5


def test_a_still_mouth_has_no_motion_and_a_shut_one_no_opening() -> None:
    own = np.linspace(0, 0.3, 100)
    still = np.full(10, np.percentile(own, 2))
    assert motion(still) == 0
    assert opening(still, own) == 0
    assert opening(np.full(10, np.percentile(own, 95)), own) == pytest.approx(1)


def test_contrast_is_the_opening_of_vowels_less_that_of_closures() -> None:
    said = np.array([PHONEMES.index(name) for name in ("open", "bilabial", "velar") for _ in range(100)])
    aperture = np.repeat([0.3, 0.02, 0.1], 25)
    assert contrast(aperture, 25, said) == pytest.approx(0.28)
    assert np.isnan(contrast(aperture, 25, np.full(300, PHONEMES.index("velar"))))


def test_a_table_has_a_row_for_each_talker_and_their_mean() -> None:
    lines = table([{"talker": "a", "motion": 0.5}, {"talker": "b", "motion": 0.7}]).splitlines()
    assert lines[2:] == ["| a | 0.50 |", "| b | 0.70 |", "| mean | 0.60 |"]
