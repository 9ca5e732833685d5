"""Speech of any container and rate arrives at the right time."""

import math
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.errors import BadInputError
from digital_human.media import SPEECH_RATE, audio, read_speech
from tests.media.factory import click, greys, write_clip, write_float_wav, write_sound


def onset(samples: npt.NDArray[Any]) -> float:
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


@pytest.mark.parametrize(("suffix", "codec"), [("wav", "pcm_s16le"), ("flac", "flac"), ("m4a", "aac")])
def test_a_long_speech_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, codec: str
) -> None:
    path = write_sound(tmp_path / f"a.{suffix}", click(9, 0.5, 16000), 16000, codec)
    assert len(read_speech(path, max_seconds=9.2)) >= 9 * SPEECH_RATE
    monkeypatch.setattr(audio, "decode_audio", None)
    with pytest.raises(BadInputError, match="longer than 5 s"):
        read_speech(path, max_seconds=5)


def test_a_header_that_promises_more_than_there_is_is_not_believed(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.flac", click(9, 0.5, 16000), 16000, "flac")
    data = bytearray(path.read_bytes())
    # The number of samples: the low 36 of 64 bits that begin with the rate.
    data[22:26] = struct.pack(">I", 3600 * 16000)
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert container.duration == 3600 * 10**6
    assert 9 * SPEECH_RATE <= len(read_speech(path, max_seconds=9.5)) < 9.5 * SPEECH_RATE


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
def test_samples_that_are_no_sound_are_bad_input(tmp_path: Path, value: float) -> None:
    sound = click(1, 0.5, 16000)
    sound[0, 9000] = value
    with pytest.raises(BadInputError, match="audio_path: holds samples that are no sound"):
        read_speech(write_float_wav(tmp_path / "a.wav", sound, 16000))


def test_samples_that_cancel_each_other_are_no_sound_either(tmp_path: Path) -> None:
    sound = click(1, 0.5, 16000, channels=2)
    sound[:, 9000] = 1e30, -1e30
    with pytest.raises(BadInputError, match="no sound"):
        read_speech(write_float_wav(tmp_path / "a.wav", sound, 16000))


def test_a_loud_recording_is_taken_as_it_is(tmp_path: Path) -> None:
    speech = read_speech(write_float_wav(tmp_path / "a.wav", 20000 * click(1, 0.5, 16000), 16000))
    assert np.abs(speech).max() > 10000


@pytest.mark.parametrize("rate", [1, 999, 768_001])
def test_a_rate_that_no_sound_has_is_bad_input(tmp_path: Path, rate: int) -> None:
    with pytest.raises(BadInputError, match=f"audio_path: a sample rate of {rate} Hz"):
        read_speech(write_float_wav(tmp_path / "a.wav", np.zeros(100), rate))


def test_recordings_of_other_rates_and_layouts_may_follow_each_other(tmp_path: Path) -> None:
    first = write_sound(tmp_path / "a.aac", click(1, 0.5, 16000), 16000, "aac")
    second = write_sound(tmp_path / "b.aac", click(1, 0.5, 44100, channels=2), 44100, "aac")
    lengths = [len(read_speech(path)) for path in (first, second)]
    first.write_bytes(first.read_bytes() + second.read_bytes())
    speech = read_speech(first)
    assert abs(len(speech) - sum(lengths)) < 100
    assert abs(onset(speech[lengths[0] :]) - onset(read_speech(second))) < 0.01
