"""Two networks that hear log-mels alone, and a third that makes lips of what they hear.

Two dilated residual ConvNets [1] alike, each with all heads. One has heard synthetic speech, whose phones are known to
the instant, and people reading, and predicts phonemes. The other began alike, learned from real clips how lips move,
and predicts the lips and, as it knows real rooms, silence. Closures come from both: one alone forgets some for the
lips, or finds some where there are none. The lips are a mixture of the second's and of what a third, small one makes
of the phonemes of the first and of how loud they were.

Loudness and microphone are taken out before, see `spectra.Normalise`.

[1] Yu & Koltun 2016, "Multi-Scale Context Aggregation by Dilated Convolutions"; residual blocks in the pre-activation
    order of He et al. 2016, "Identity Mappings in Deep Residual Networks".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.networks.spectra import (
    LIPS,
    LOG_POWER_SCALE,
    MEL_BANDS,
    PHONEMES,
    POWER_FLOOR,
    RANGE_FLOOR,
    MelPower,
    Normalise,
    Prediction,
    Residual,
)

ARTICULATED = 0.6
"""Share of the lips that comes from the recognised phonemes; the rest comes from the sound."""


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
        lips = instants(self.to_lips)
        return Prediction(lips, lips[..., :1], closure, silence, instants(self.to_phonemes))


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


class Listeners(nn.Module):
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
        return self.from_mel(self.front(audio))

    def from_mel(self, mel: Tensor) -> Prediction:
        """The same of mel power [N, MEL_BANDS, T]."""
        said, seen = self.phones(mel), self.lips(mel)
        lips = seen.lips + ARTICULATED * (self.articulate(said, mel) - seen.lips)
        return Prediction(lips, lips[..., :1], (said.closure + seen.closure) / 2, seen.silence, said.phonemes)
