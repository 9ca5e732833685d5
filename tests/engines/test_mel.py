"""The mel spectrogram is the one Wav2Lip was trained on, as librosa computes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.frame import Float32
from digital_human.engines.wav2lip.mel import mel_spectrogram
from digital_human.media import read_speech

REFERENCE = Path(__file__).with_name("mel_of_librosa.npz")
"""Steps of the spectrogram of each kind of sound, and their numbers (`*_steps`), written by `python -m
tests.engines.test_mel` with librosa 0.11."""
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def sound(kind: str) -> Float32:
    if kind == "noise":
        return np.random.default_rng(0).normal(0, 0.3, 16001).astype(np.float32)
    speech = read_speech(SAMPLES / "speech.wav")
    return speech[20000:21001] if kind == "short" else speech


@pytest.mark.parametrize("kind", ["speech", "noise", "short"])
def test_it_equals_librosa(kind: str) -> None:
    found = mel_spectrogram(sound(kind))
    assert found.dtype == np.float32
    with np.load(REFERENCE) as reference:
        assert np.abs(found[reference[f"{kind}_steps"]] - reference[kind]).max() < 1e-3


def test_silence_lies_on_the_floor() -> None:
    assert (mel_spectrogram(np.zeros(3200, np.float32)) == -4).all()


def test_speech_longer_than_a_block_has_no_seam() -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, 16000 * 60).astype(np.float32)
    assert (
        np.abs(mel_spectrogram(audio)[4000:4200] - mel_spectrogram(audio[3990 * 200 : 4210 * 200])[10:210]).max() < 1e-3
    )


def write_reference() -> None:
    import librosa

    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for kind in ("speech", "noise", "short"):
        audio = sound(kind)
        emphasised = np.append(audio[:1], audio[1:] - 0.97 * audio[:-1])
        # Mirrored at the ends, as librosa did at the time.
        spectrum = np.abs(librosa.stft(emphasised, n_fft=800, hop_length=200, win_length=800, pad_mode="reflect"))
        mel = librosa.filters.mel(sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600) @ spectrum
        decibels = 20 * np.log10(np.maximum(1e-5, mel)) - 20
        published = np.clip(8 * (decibels + 100) / 100 - 4, -4, 4).T.astype(np.float32)
        # Both ends, where the sound is mirrored, and some between.
        steps = np.arange(len(published))
        steps = steps[(steps < 5) | (steps >= len(steps) - 5) | (steps % 10 == 0)]
        arrays |= {kind: published[steps], f"{kind}_steps": steps}
    np.savez_compressed(REFERENCE, **arrays)


if __name__ == "__main__":
    write_reference()
