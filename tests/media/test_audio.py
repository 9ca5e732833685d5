"""Speech of any container and rate arrives at the right time."""

from pathlib import Path

import numpy as np
import pytest

from digital_human.errors import BadInputError
from digital_human.media import SPEECH_RATE, read_speech
from tests.media.factory import click, greys, write_clip, write_sound


def onset(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(samples) > 0.1)) / SPEECH_RATE


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
def test_any_rate_and_layout_becomes_16_khz_mono(tmp_path: Path, rate: int, channels: int) -> None:
    path = write_sound(tmp_path / "a.wav", click(2, 0.75, rate, channels), rate)
    speech = read_speech(path)
    assert speech.dtype == np.float32
    assert abs(len(speech) / SPEECH_RATE - 2) < 0.01
    assert abs(onset(speech) - 0.75) < 0.005


@pytest.mark.parametrize(
    ("suffix", "codec"), [("m4a", "aac"), ("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libopus")]
)
def test_the_delay_of_the_encoder_is_skipped(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_sound(tmp_path / f"a.{suffix}", click(2, 0.75, 48000), 48000, codec)
    assert abs(onset(read_speech(path)) - 0.75) < 0.012


def test_a_video_without_sound_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="audio_path: holds no audio stream"):
        read_speech(write_clip(tmp_path / "a.mp4", greys(3)))
