"""The measures of the evaluation measure what they say."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("espeakng_loader")
pytest.importorskip("soxr")

from export.networks.spectra import CLOSED, HOP
from training.speech.clips import Clip
from training.speech.evaluate import (
    BLOCK,
    Count,
    Float32,
    Local,
    by_person,
    closures,
    correlation,
    follow,
    interval,
    shape_of,
    streamed,
)
from training.speech.phones import BILABIAL, RATE, SILENCE, Labels


def curve(seconds: float = 4.0) -> Float32:
    """A smooth random curve at 100 Hz, [T]."""
    noise = np.random.default_rng(0).normal(0, 1, round(seconds * 100))
    result: Float32 = np.convolve(noise, np.hanning(25), "same").astype(np.float32)
    return result


def clip_of(lips: Float32, name: str, delay: float = 0.0) -> Clip:
    """A clip at 25 frames a second whose sound is late by `delay` and whose aperture is a curve at 100 Hz."""
    times = np.arange(100) / 25 + 0.02
    aperture = np.interp(times + delay, (np.arange(len(lips)) + 0.5) / 100, lips)
    measured = np.stack([aperture, -aperture, aperture, aperture, aperture], 1).astype(np.float32)
    return Clip(name, name.split("_")[0], np.zeros(64_000, np.float32), times, measured)


def test_correlation_finds_the_constant_offset_of_a_clip() -> None:
    lips = curve()
    late = clip_of(lips, "hdtf_a", delay=0.08)
    r, lag = correlation(lips, late, late.lips[:, 0], 6)
    assert lag == 2 and r > 0.999
    assert correlation(lips, late, late.lips[:, 0], 0)[0] < 0.8


def test_grid_is_compared_at_lag_0_and_clips_are_averaged_for_each_person() -> None:
    lips = np.stack([curve(), curve()], 1)
    followed = [follow(None, clip_of(lips[:, 0], name, delay), lips) for name, delay in
                (("s2_a", 0.0), ("s2_b", 0.0), ("s16_a", 0.08))]  # fmt: skip
    assert [one.lag for one in followed] == [0, 0, 0]
    people = by_person(followed)
    assert people.shape == (2, 2)
    assert people[0] == pytest.approx([1, -1], abs=1e-3) and people[1, 0] < 0.8
    assert follow(None, clip_of(lips[:, 0], "hdtf_a", 0.08), lips).lag == 2


def test_the_interval_holds_the_mean_and_shrinks_with_more_people() -> None:
    few, many = (np.random.default_rng(1).normal(0.6, 0.1, count).astype(np.float32) for count in (4, 200))
    for people in (few, many):
        low, high = interval(people)
        assert low < people.mean() < high
    assert np.diff(interval(many)) < np.diff(interval(few))


def test_closures_count_what_shuts_and_what_should_not() -> None:
    aperture = np.full(300, 1.0, np.float32)
    aperture[100:104] = CLOSED
    aperture[250:254] = CLOSED
    phonemes = np.full(300, 1)
    phonemes[98:106] = phonemes[180:186] = BILABIAL
    phonemes[245:260] = 4
    closure = (phonemes == BILABIAL).astype(np.float32)
    bilabials, others = Count(), Count()
    closures(aperture, Labels(phonemes, closure, (phonemes == SILENCE).astype(np.float32)), bilabials, others)
    assert (bilabials.hits, bilabials.of) == (1, 2)
    assert (others.hits, others.of) == (1, 5)


def test_a_stream_hears_nothing_beyond_its_look_ahead() -> None:
    audio = np.random.default_rng(0).normal(0, 0.05, 32_000).astype(np.float32)
    audio[8000:24_000] += 0.3 * np.sin(np.arange(16_000) / 20).astype(np.float32)
    broken_off = audio.copy()
    broken_off[16_000:] = 0
    model, ahead = Local(), 0.16
    whole, part = (streamed(model, sound, ahead) for sound in (audio, broken_off))
    heard = 16_000 // HOP - round((ahead + BLOCK) * RATE)
    assert whole.shape == (200, 2)
    assert np.abs(whole[:heard] - part[:heard]).max() < 1e-5
    assert np.abs(whole[heard:] - part[heard:]).max() > 1e-3
    assert shape_of(model, audio).shape == (200, 2)
