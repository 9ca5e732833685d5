"""The mel spectrogram is the one Wav2Lip was trained on, as librosa computes it."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest

from digital_human.core.frame import Float32
from digital_human.engines.wav2lip.mel import mel_spectrogram
from digital_human.media import read_speech


def published(audio: Float32) -> Float32:
    emphasised = np.append(audio[:1], audio[1:] - 0.97 * audio[:-1])
    # Mirrored at the ends, as librosa did at the time.
    spectrum = np.abs(librosa.stft(emphasised, n_fft=800, hop_length=200, win_length=800, pad_mode="reflect"))
    mel = librosa.filters.mel(sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600) @ spectrum
    decibels = 20 * np.log10(np.maximum(1e-5, mel)) - 20
    return np.asarray(np.clip(8 * (decibels + 100) / 100 - 4, -4, 4).T, np.float32)


@pytest.mark.parametrize("kind", ["speech", "noise", "short"])
def test_it_equals_librosa(kind: str, samples: Path) -> None:
    audio = read_speech(samples / "speech.wav")
    if kind == "noise":
        audio = np.random.default_rng(0).normal(0, 0.3, 16001).astype(np.float32)
    elif kind == "short":
        audio = audio[20000:21001]
    found = mel_spectrogram(audio)
    assert found.dtype == np.float32
    assert np.abs(found - published(audio)).max() < 1e-3


def test_silence_lies_on_the_floor() -> None:
    assert (mel_spectrogram(np.zeros(3200, np.float32)) == -4).all()


def test_speech_longer_than_a_block_has_no_seam() -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, 16000 * 60).astype(np.float32)
    assert (
        np.abs(mel_spectrogram(audio)[4000:4200] - mel_spectrogram(audio[3990 * 200 : 4210 * 200])[10:210]).max() < 1e-3
    )
