"""Sound as the speech networks take it in, and what they say: constants, log-mels, and a block of convolutions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from digital_human.core.types import SPEECH_RATE

SAMPLE_RATE = SPEECH_RATE
HOP = 160
WINDOW = 400
FFT_SIZE = 512
MEL_BANDS = 64
MEL_RANGE_HZ = (60.0, 7600.0)

LIPS = ("aperture", "width", "upper_lip", "jaw", "protrusion")
"""Lip shape coefficients, in the order of the output's last axis; `training.speech.clips` measures them."""

PHONEMES = (
    "silence", "open", "open_mid", "mid", "close", "open_mid_rounded", "mid_rounded", "close_rounded",
    "front_rounded", "bilabial", "labiodental", "dental", "alveolar", "sibilant", "postalveolar", "velar",
    "rhotic", "palatal", "labiovelar",
)  # fmt: skip
"""Phoneme classes that lips can tell apart, in the order of the output's last axis."""

POWER_FLOOR = 1e-6
"""Mel power (about -67 dB of full scale as white noise) below which a window counts as silent."""
RANGE_FLOOR = 1e-6
"""Powers this far below the window's mean (-60 dB) are clamped."""
PRIOR_FRAMES = 50
"""How many frames the typical spectrum weighs against the window's own loud frames."""
LOG_POWER_SCALE = 4.0
CLOSED = -1.095
"""Standard aperture of a shut mouth: the median over ten speakers of each one's 4th percentile."""


def mel_filters() -> npt.NDArray[np.float32]:
    """float32 [MEL_BANDS, FFT_SIZE / 2 + 1]: triangular filters of unit area, equidistant on Slaney's mel scale."""
    linear_hz, linear_mel, log_step = 1000.0, 15.0, np.log(6.4) / 27

    def to_mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
        hz = np.asarray(hz, np.float64)
        return np.where(
            hz < linear_hz, hz * linear_mel / linear_hz,
            linear_mel + np.log(np.maximum(hz, 1) / linear_hz) / log_step,
        )  # fmt: skip

    def to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(
            mel < linear_mel, mel * linear_hz / linear_mel, linear_hz * np.exp(log_step * (mel - linear_mel))
        )

    low, high = to_mel(MEL_RANGE_HZ)
    edges = to_hz(np.linspace(low, high, MEL_BANDS + 2))
    bins = np.arange(FFT_SIZE // 2 + 1) * SAMPLE_RATE / FFT_SIZE
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    result: npt.NDArray[np.float32] = (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)
    return result


class Spectrogram(nn.Module):
    """Audio [N, samples] -> power spectrum [N, FFT_SIZE / 2 + 1, samples // HOP].

    Frame i is centred at sample (i + 0.5) HOP.
    """

    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
        angle = 2 * np.pi * np.outer(np.arange(FFT_SIZE // 2 + 1), np.arange(WINDOW)) / FFT_SIZE
        basis = np.concatenate([np.cos(angle), np.sin(angle)]) * hann
        self.register_buffer("basis", torch.tensor(basis, dtype=torch.float32)[:, None], persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        margin = (WINDOW - HOP) // 2
        padded = nn.functional.pad(audio[:, None], (margin, margin))
        parts = nn.functional.conv1d(padded, self.basis, stride=HOP)
        real, imaginary = parts[:, : FFT_SIZE // 2 + 1], parts[:, FFT_SIZE // 2 + 1 :]
        return real**2 + imaginary**2


class MelPower(nn.Module):
    """Audio [N, samples] -> mel power [N, MEL_BANDS, samples // HOP]. Nothing in it is trained."""

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.spectrogram = Spectrogram()
        self.register_buffer("filters", torch.tensor(mel_filters()), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        result: Tensor = self.filters @ self.spectrogram(audio)
        return result


class Normalise(nn.Module):
    """Mel power [N, MEL_BANDS, T] -> features of the same shape that know neither loudness nor microphone."""

    def __init__(self) -> None:
        super().__init__()
        self.typical = nn.Parameter(torch.linspace(0.0, -4.0, MEL_BANDS)[None, :, None].clone())

    def forward(self, mel: Tensor) -> Tensor:
        level = mel.mean(dim=1, keepdim=True).mean(dim=2, keepdim=True) + POWER_FLOOR
        logs = torch.log(mel / level + RANGE_FLOOR)
        loudness = torch.log(mel.mean(dim=1, keepdim=True) / level + RANGE_FLOOR)
        loud = torch.sigmoid(2 * (loudness + 2))
        # a product, not a sum: OpenVINO 2026.4 wrongly fuses ReduceSum with the addition when N > 1
        total = logs @ loud.transpose(1, 2) + PRIOR_FRAMES * self.typical
        return (logs - total / (loud.sum(dim=2, keepdim=True) + PRIOR_FRAMES)) / LOG_POWER_SCALE


class Residual(nn.Module):
    """[N, C, T] -> the same: a dilated and a pointwise convolution beside the identity."""

    def __init__(self, channels: int, dilation: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm1d(channels),
            nn.GELU(),
            nn.Conv1d(channels, channels, 5, padding=2 * dilation, dilation=dilation),
            nn.BatchNorm1d(channels),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        result: Tensor = hidden + self.body(hidden)
        return result


@dataclass(frozen=True)
class Prediction:
    """What the network says of T instants, instant i lying at (i + 0.5) / 100 s.

    lips:     [N, T, len(LIPS)], in standard deviations from a speaker's mean while speaking; the aperture as if the
              lips never shut
    aperture: [N, T, 1], the aperture to draw: that of `lips`, down to CLOSED where they touch or rest
    closure:  [N, T, 1], logit that the lips touch for a p, b or m
    silence:  [N, T, 1], logit that nobody speaks and that the mouth is at rest: it begins a little after the last
              sound and ends a little before the next
    phonemes: [N, T, len(PHONEMES)], logits
    """

    lips: Tensor
    aperture: Tensor
    closure: Tensor
    silence: Tensor
    phonemes: Tensor

    @property
    def shape(self) -> Tensor:
        """The lips to draw, [N, T, len(LIPS)]."""
        return torch.cat([self.aperture, self.lips[..., 1:]], dim=2)
