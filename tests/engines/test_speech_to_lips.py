"""Speech of any length becomes curves of the lips without a seam."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.types import Arrays
from digital_human.engines.exemplar import speech_to_lips

CLOSED = -1.095
"""Standard aperture of a shut mouth, as speech_to_lips predicts it."""


class Listening:
    """A model whose aperture is the sample in the middle of each instant."""

    def __init__(self) -> None:
        self.longest = 0

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, npt.NDArray[np.generic]]:
        assert model == "speech_to_lips"
        samples = np.asarray(inputs["audio"], np.float32)[:, 80::160]
        self.longest = max(self.longest, samples.shape[1])
        lips = np.stack([samples, 2 * samples, samples, samples, samples], 2)
        return {"lips": lips, "aperture": samples, "silence": np.zeros_like(samples)}


class TestSpeech:
    @pytest.mark.parametrize("seconds", [0.02, 1.0, 8.01, 10.0, 10.01, 12.34, 30.0])
    def test_speech_of_any_length_has_no_seam(self, seconds: float) -> None:
        audio = np.sin(np.arange(int(seconds * 16000)) / 9000).astype(np.float32)
        count = max(1, int(seconds * 25))
        model = Listening()
        curves = speech_to_lips.predict_lips(audio, count, Fraction(25), model)
        wanted = np.sin((np.arange(count) + 0.5) / 25 * 16000 / 9000)
        assert curves.aperture.shape == curves.silence.shape == (count,)
        if seconds >= 1:
            assert np.allclose(curves.aperture, wanted, atol=0.02)
            assert np.allclose(curves.width, 2 * wanted, atol=0.04)
        assert model.longest <= speech_to_lips.WINDOW

    def test_a_short_closure_is_not_missed_between_frames(self) -> None:
        audio = np.ones(16000, np.float32)
        audio[8000:8160] = CLOSED
        curves = speech_to_lips.predict_lips(audio, 25, Fraction(25), Listening())
        assert curves.aperture.min() == pytest.approx(CLOSED)
        assert (curves.aperture < 1).sum() <= 2

    @pytest.mark.parametrize("instants", [1, 49, 999, 1000, 1001, 1799, 6001])
    def test_windows_are_equally_long_and_few_lengths_occur(self, instants: int) -> None:
        windows = speech_to_lips.windows(instants)
        lengths = {stop - start for start, stop in windows}
        assert len(lengths) == 1 and lengths.pop() % speech_to_lips.STEP == 0
        assert windows[0][0] == 0 and windows[-1][1] >= instants
        assert all(before[1] - after[0] >= speech_to_lips.OVERLAP - 1 for before, after in pairwise(windows))
