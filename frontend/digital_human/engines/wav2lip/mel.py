"""The mel spectrogram that Wav2Lip was trained on.

K. R. Prajwal et al., "A lip sync expert is all you need for speech to lip generation in the wild", ACM Multimedia 2020;
its recipe is that of Tacotron implementations, its filters those of M. Slaney's Auditory Toolbox (1998).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from digital_human.core.frame import Float32, Float64
from digital_human.core.types import SPEECH_RATE

WINDOW, HOP = 800, 200
BANDS, LOWEST, HIGHEST = 80, 55.0, 7600.0
STEPS_PER_SECOND = SPEECH_RATE // HOP
PRE_EMPHASIS = 0.97
FLOOR_DB, REFERENCE_DB = -100.0, 20.0
LARGEST = 4.0
_BLOCK = 512
"""Steps transformed at once, so that memory does not grow with the length of the speech."""


def mel_spectrogram(audio: Float32) -> Float32:
    """Mel spectrogram, float32 [samples // 200 + 1, 80], decibels mapped to +-4.

    audio: float32 [samples], 16 kHz mono, +-1

    Steps are 12.5 ms apart, each in the middle of its 50 ms window. The sound is mirrored at both ends.
    """
    hann = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    mel = np.empty((len(audio) // HOP + 1, BANDS), np.float32)
    for start in range(0, len(mel), _BLOCK):
        end = min(start + _BLOCK, len(mel))
        emphasised = _emphasised(audio, start * HOP - WINDOW // 2, (end - 1) * HOP + WINDOW // 2)
        windows = np.lib.stride_tricks.sliding_window_view(emphasised, WINDOW)[::HOP]
        amplitudes = np.abs(np.fft.rfft(windows * hann)).astype(np.float32) @ _filters().T
        decibels = 20 * np.log10(np.maximum(amplitudes, 10 ** (FLOOR_DB / 20))) - REFERENCE_DB
        mel[start:end] = 2 * LARGEST * (decibels - FLOOR_DB) / -FLOOR_DB - LARGEST
    return np.clip(mel, -LARGEST, LARGEST, out=mel)


def _emphasised(audio: Float32, first: int, end: int) -> Float32:
    """Samples first .. end-1 after pre-emphasis, float32. Both may lie outside, where the sound is mirrored."""
    last = len(audio) - 1
    position = np.abs(np.arange(first, end)) % max(2 * last, 1)
    position = np.minimum(position, 2 * last - position)
    before = np.where(position > 0, audio[position - 1], 0)
    return np.asarray(audio[position] - np.float32(PRE_EMPHASIS) * before, np.float32)


@cache
def _filters() -> Float32:
    """Filters, float32 [BANDS, WINDOW / 2 + 1]: triangles of equal area, evenly spaced in mel."""
    ends = _to_mel(np.array([LOWEST, HIGHEST]))
    edges = _to_hertz(np.linspace(ends[0], ends[1], BANDS + 2))[:, None]
    bins = np.fft.rfftfreq(WINDOW, 1 / SPEECH_RATE)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(np.minimum(rising, falling), 0)
    return np.asarray(triangles * 2 / (edges[2:] - edges[:-2]), np.float32)


# Slaney's scale is linear up to 1000 Hz, which is 15 mel, and has 27 mel for each factor of 6.4 beyond.


def _to_mel(hertz: Float64) -> Float64:
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + 27 * np.log(np.maximum(hertz, 1) / 1000) / np.log(6.4))


def _to_hertz(mel: Float64) -> Float64:
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))
