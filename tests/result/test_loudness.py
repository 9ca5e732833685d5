"""The audio of a result is brought to a loudness, as of EBU R128."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digital_human.media.audio_edit import AudioEdit, edited_audio, loudness_of
from tests.live_service import Live
from tests.media.factory import write_sound
from tests.result.made import make, refused, sound_of


def loudness(path: Path, rate: int = 16000) -> float:
    measured = loudness_of([sound_of(path, rate)[None]], rate, "mono")
    assert measured is not None
    return measured


def test_a_tone_has_the_loudness_that_the_standard_gives_it() -> None:
    """A sine of 997 Hz at full scale in one channel is at -3.01 LUFS (ITU-R BS.1770)."""
    tone = np.sin(np.arange(48000 * 2) * 2 * np.pi * 997 / 48000).astype(np.float32)[None]
    assert loudness_of([0.1 * tone], 48000, "mono") == pytest.approx(-23.01, abs=0.05)


def test_speech_is_brought_to_the_loudness_asked_for(plain: Live) -> None:
    before = loudness(plain.base / "speech.wav")
    assert abs(before + 16) > 1.5, "the speech is at -16 LUFS already"
    path, task = make(plain, loudness=-16)
    assert loudness(path) == pytest.approx(-16, abs=0.5)
    assert np.abs(sound_of(path)).max() < 1
    assert task["result"]["frames"] == 40
    left, _ = make(plain)
    assert loudness(left) == pytest.approx(before, abs=0.3)


def test_quiet_stays_whole_and_peaks_stay_below_full_scale(tmp_path: Path) -> None:
    quiet = 0.01 * np.random.default_rng(0).standard_normal((2, 48000)).astype(np.float32)
    quiet[:, 20000] = 0.9
    path = write_sound(tmp_path / "quiet.wav", quiet, 48000)
    made = np.concatenate(list(edited_audio(path, 48000, "stereo", AudioEdit(0.25, -16))), axis=1)
    assert made.shape == (2, 60000) and not made[:, :12000].any()
    assert 0.5 < np.abs(made).max() <= 10 ** (-1.5 / 20) + 1e-3


def test_silence_stays_silence(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "silence.wav", np.zeros((1, 16000), np.float32), 16000)
    made = np.concatenate(list(edited_audio(path, 16000, "mono", AudioEdit(loudness=-16))), axis=1)
    assert made.shape == (1, 16000) and not made.any()


@pytest.mark.parametrize("value", [0, -70, 16])
def test_a_loudness_that_nobody_wants_is_refused(plain: Live, value: float) -> None:
    assert refused(plain, loudness=value)[:2] == (400, "loudness_out_of_range")
