"""Speech -> lip shape: the network and its checkpoint format.

A log-mel front end (as convolution, so that it lives inside the graph) and two dilated residual ConvNets [1] alike,
each with all heads. One has heard synthetic speech, whose phones are known to the instant, and people reading, and
tells phonemes. The other began alike, learned from real clips how lips move, and tells the lips and, as it knows real
rooms, silence; closures both tell, as one alone forgets some for the lips, or hears some where there are none. The lips
are a mixture of what the second says and of what a third, small one makes of the phonemes that the first heard and of
how loud they were: people it knows little it follows better, since it cannot mind how they sound.

Loudness and microphone are taken out before: levels are relative to the window's own power, and each mel band to its
mean over the *loud* frames, so that a pause does not change what speech looks like.

[1] Yu & Koltun 2016, "Multi-Scale Context Aggregation by Dilated Convolutions"; residual blocks in the pre-activation
    order of He et al. 2016, "Identity Mappings in Deep Residual Networks".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from digital_human.core.types import SPEECH_RATE

WEIGHTS = Path(__file__).parents[1] / "weights" / "speech_to_lips.npz"

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
ARTICULATED = 0.6
"""Share of the lips that are made of the phonemes heard; the rest is told by the sound."""


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


class Loudness(nn.Module):
    """Mel power [N, MEL_BANDS, T] -> log power of all bands, the low and the high, [N, 3, T], over the loud frames'."""

    LOW, HIGH = 20, 35
    """Bands below 1.0 kHz and above 1.9 kHz: voice and its first formant, and the noise of consonants."""

    def forward(self, mel: Tensor) -> Tensor:
        bands = [mel, mel[:, : self.LOW], mel[:, self.HIGH :]]
        power = torch.cat([band.mean(dim=1, keepdim=True) for band in bands], dim=1)
        level = power[:, :1].mean(dim=2, keepdim=True) + POWER_FLOOR
        logs = torch.log(power / level + RANGE_FLOOR)
        loud = torch.sigmoid(2 * (logs[:, :1] + 2))
        mean = logs @ loud.transpose(1, 2) / (loud.sum(dim=2, keepdim=True) + 1)
        return ((logs - mean) / LOG_POWER_SCALE).clamp(-2.5, 2.5)


class Residual(nn.Module):
    """[N, C, T] -> the same: a dilated and a pointwise convolution beside the identity."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm1d(channels),
            nn.GELU(),
            nn.Conv1d(channels, channels, 5, padding=2 * dilation, dilation=dilation),
            nn.BatchNorm1d(channels),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        result: Tensor = hidden + self.body(hidden)
        return result


@dataclass(frozen=True)
class Prediction:
    """What the network says of T instants, instant i lying at (i + 0.5) / 100 s.

    lips:     [N, T, len(LIPS)], in standard deviations from a speaker's mean while speaking
    closure:  [N, T, 1], logit that the lips touch for a p, b or m
    silence:  [N, T, 1], logit that nobody speaks and that the mouth is at rest: it begins a little after the last
              sound and ends a little before the next
    phonemes: [N, T, len(PHONEMES)], logits
    """

    lips: Tensor
    closure: Tensor
    silence: Tensor
    phonemes: Tensor


class Listener(nn.Module):
    """Mel power [N, MEL_BANDS, T] -> lip shape and phonemes at 100 Hz.

    The body runs at 50 Hz, which halves its cost; every head predicts two instants a step.
    """

    STRIDE = 2

    def __init__(self, channels: int = 160, dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4)) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.stem = nn.Conv1d(MEL_BANDS, channels, 4, stride=self.STRIDE, padding=1)
        self.body = nn.Sequential(*[Residual(channels, dilation) for dilation in dilations])
        self.tidy = nn.Sequential(nn.BatchNorm1d(channels), nn.GELU())
        self.to_phonemes = nn.Conv1d(channels, self.STRIDE * len(PHONEMES), 1)
        self.to_closure = nn.Conv1d(channels, self.STRIDE * 2, 3, padding=1)
        self.to_lips = nn.Sequential(
            nn.Conv1d(channels, 64, 5, padding=2),
            nn.GELU(),
            nn.Conv1d(64, self.STRIDE * len(LIPS), 5, padding=2),
        )

    def forward(self, mel: Tensor) -> Prediction:
        features = self.normalise(mel)
        # one more frame lets the stride of two cover an odd T
        hidden = self.tidy(self.body(self.stem(nn.functional.pad(features, (0, 1)))))
        length = mel.shape[2]

        def instants(head: nn.Module) -> Tensor:
            steps = head(hidden).transpose(1, 2)
            result: Tensor = steps.reshape(steps.shape[0], -1, steps.shape[2] // self.STRIDE)[:, :length]
            return result

        closure, silence = instants(self.to_closure).split(1, dim=2)
        return Prediction(instants(self.to_lips), closure, silence, instants(self.to_phonemes))


class Articulator(nn.Module):
    """What is said and mel power [N, MEL_BANDS, T] -> lips [N, T, len(LIPS)], from 0.2 s either way."""

    def __init__(self, channels: int = 48) -> None:
        super().__init__()
        self.loudness = Loudness()
        self.body = nn.Sequential(
            nn.Dropout(0.1),
            nn.Conv1d(len(PHONEMES) + 5, channels, 9, padding=4, padding_mode="replicate"),
            nn.GELU(),
            nn.Conv1d(channels, channels, 9, padding=8, dilation=2, padding_mode="replicate"),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Conv1d(channels, len(LIPS), 9, padding=8, dilation=2, padding_mode="replicate"),
        )

    def forward(self, said: Prediction, mel: Tensor) -> Tensor:
        sure = [said.phonemes.softmax(dim=2), said.closure.sigmoid(), said.silence.sigmoid()]
        result: Tensor = self.body(
            torch.cat([*(s.transpose(1, 2) for s in sure), self.loudness(mel)], dim=1)
        ).transpose(1, 2)
        return result


class SpeechToLips(nn.Module):
    """16 kHz mono audio float32 [N, samples] -> lip shape and phonemes at 100 Hz.

    phones:     asked for phonemes and closure
    lips:       asked for the lips, silence and closure
    articulate: makes lips of what `phones` says
    """

    def __init__(
        self, phones: Listener | None = None, lips: Listener | None = None, articulate: Articulator | None = None
    ) -> None:
        super().__init__()
        self.front = MelPower()
        self.phones = phones or Listener()
        self.lips = lips or Listener()
        self.articulate = articulate or Articulator()

    def forward(self, audio: Tensor) -> Prediction:
        mel = self.front(audio)
        said, seen = self.phones(mel), self.lips(mel)
        lips = seen.lips + ARTICULATED * (self.articulate(said, mel) - seen.lips)
        return Prediction(lips, (said.closure + seen.closure) / 2, seen.silence, said.phonemes)


def save(network: SpeechToLips, constants: dict[str, Any], path: Path) -> None:
    """Write a checkpoint: the state as float16 (half the size, no measurable loss) and constants as JSON."""
    state = {k: v.numpy().astype(np.float16 if v.is_floating_point() else v.numpy().dtype)
             for k, v in network.state_dict().items()}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **state, constants=np.array(json.dumps(constants)))


def load(path: Path = WEIGHTS) -> tuple[SpeechToLips, dict[str, Any]]:
    """Read a checkpoint: the network in evaluation mode and its constants."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    constants = json.loads(str(arrays.pop("constants")))
    network = SpeechToLips()
    network.load_state_dict({
        name: torch.from_numpy(value.astype(np.float32) if value.dtype == np.float16 else value)
        for name, value in arrays.items()
    })  # fmt: skip
    return network.eval(), constants
