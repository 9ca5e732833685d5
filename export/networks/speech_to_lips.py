"""Speech -> lip shape: the network and its checkpoint format.

Two views of the sound meet at 50 steps a second: log-mels, which are sharp in time, and vectors from the middle of
Moonshine's speech encoder (`moonshine`), which depend little on who speaks. One stack of dilated residual convolutions
[1, 2] makes phonemes, closures and rest of them; smaller ones, given these besides, make the lips, which shut by a
gate that is trained with them. Together they are the `Head`.

What the network returns as `aperture` needs no other gate.

[1] Yu & Koltun 2016, "Multi-Scale Context Aggregation by Dilated Convolutions".
[2] He et al. 2016, "Identity Mappings in Deep Residual Networks".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from export.networks.moonshine import VECTOR_FIRST, VECTOR_HOP, WIDTH, Encoder
from export.networks.spectra import (
    CLOSED,
    FFT_SIZE,
    HOP,
    LIPS,
    MEL_BANDS,
    PHONEMES,
    SAMPLE_RATE,
    WINDOW,
    MelPower,
    Normalise,
    Prediction,
    Residual,
    mel_filters,
)

__all__ = [
    "CLOSED", "FFT_SIZE", "HOP", "LIPS", "MEL_BANDS", "PHONEMES", "SAMPLE_RATE", "WINDOW", "MelPower", "Prediction",
    "mel_filters",
]  # fmt: skip

WEIGHTS = Path(__file__).parents[1] / "weights" / "speech_to_lips.npz"

MARGIN = 4000
"""Samples of silence that the encoder is given before and after, so that its vectors cover both ends."""
DEPTH = 3
"""Layers of the encoder that are used, of its six: higher ones know more of words and follow strangers' lips less."""
PHONE_CHANNELS, PHONE_DILATIONS = 128, (1, 2, 4, 1, 2, 4)
LIP_CHANNELS, LIP_DILATIONS = 64, (1, 2, 1)
KNOWN = len(PHONEMES) + 2
"""Numbers that say what is said in an instant: phonemes, closure, silence."""
MOUTHS = 3
"""Mouths whose mean makes the lips: one alone follows strangers less surely, for there are few to learn from."""
CLOSING, RESTING, SETTLED = (0.2, 0.4), (0.5, 0.9), 6
"""Probabilities of closure, and of silence that lasts SETTLED instants either way, between which the aperture shuts."""
APART, DOUBTFUL, STILL = 0.55, (0.02, 0.1), (0.2, 0.8)
"""Standard deviations above CLOSED that lips stay apart in sounds which do not shut them, and the probabilities of
closure and of silence between which that ends. The engine draws what is below 0.37 as shut."""
NOTHING, HUSHED = (-63.0, -55.0), (8, 10)
"""Mean mel power, dB, below which nothing sounds and above which something does (white noise of -70 and -62 dBFS); and
the instants before and after, over which nothing may sound for the mouth to rest whatever else is heard."""
STRIDE = 2
"""Instants (100 a second) in a step of the convolutions."""


class Trunk(nn.Module):
    """Vectors [N, WIDTH, S], mel features [N, MEL_BANDS, STRIDE S] and, where it takes any, what is already known
    [N, extra, S] -> [N, channels, S]."""

    def __init__(self, channels: int, dilations: Sequence[int], dropout: float, extra: int = 0) -> None:
        super().__init__()
        self.from_vectors = nn.Conv1d(WIDTH, channels, 1)
        self.from_mels = nn.Conv1d(MEL_BANDS, channels, 4, stride=STRIDE, padding=1)
        self.from_known = nn.Conv1d(extra, channels, 1) if extra else None
        self.dropout = nn.Dropout(dropout)
        self.body = nn.Sequential(*[Residual(channels, dilation, dropout) for dilation in dilations])
        self.tidy = nn.Sequential(nn.BatchNorm1d(channels), nn.GELU())

    def forward(self, vectors: Tensor, mels: Tensor, known: Tensor | None = None) -> Tensor:
        hidden = self.from_vectors(self.dropout(vectors)) + self.from_mels(mels)
        if self.from_known is not None and known is not None:
            hidden = hidden + self.from_known(known)
        result: Tensor = self.tidy(self.body(self.dropout(hidden)))
        return result


class Mouth(nn.Module):
    """Vectors [N, WIDTH, S], mel features [N, MEL_BANDS, STRIDE S] and what is said [N, STRIDE KNOWN, S] -> LIPS and
    the logit of a shut mouth [N, STRIDE S, len(LIPS) + 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk(LIP_CHANNELS, LIP_DILATIONS, 0.3, STRIDE * KNOWN)
        self.to_lips = nn.Conv1d(LIP_CHANNELS, STRIDE * (len(LIPS) + 1), 5, padding=2)

    def forward(self, vectors: Tensor, mels: Tensor, known: Tensor) -> Tensor:
        return _instants(self.to_lips(self.trunk(vectors, mels, known)))


class Head(nn.Module):
    """Encoder vectors [N, S, WIDTH] and mel power [N, MEL_BANDS, STRIDE S] -> lips and phonemes, STRIDE S instants.

    mouths: how many learned the lips, each by itself; their mean is taken
    """

    def __init__(self, mouths: int = MOUTHS) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.layer_norm = nn.LayerNorm(WIDTH)
        self.phones = Trunk(PHONE_CHANNELS, PHONE_DILATIONS, 0.1)
        self.to_phonemes = nn.Conv1d(PHONE_CHANNELS, STRIDE * len(PHONEMES), 1)
        self.to_closure = nn.Conv1d(PHONE_CHANNELS, STRIDE * 2, 3, padding=1)
        self.mouths = nn.ModuleList([Mouth() for _ in range(mouths)])

    def forward(self, vectors: Tensor, mel: Tensor) -> Prediction:
        mels, vectors = self.normalise(mel), self.layer_norm(vectors).transpose(1, 2)
        hidden = self.phones(vectors, mels)
        phonemes, touch = _instants(self.to_phonemes(hidden)), _instants(self.to_closure(hidden))
        # the lips do not teach the phonemes: there are far fewer lips to learn from
        sure = torch.cat([phonemes.softmax(dim=2), touch.sigmoid()], dim=2).detach()
        known = sure.reshape(sure.shape[0], -1, STRIDE * sure.shape[2]).transpose(1, 2)
        raw = torch.stack([mouth(vectors, mels, known) for mouth in self.mouths]).mean(dim=0)
        lips, shut = raw[..., :-1], raw[..., -1:]
        closure, silence = touch.split(1, dim=2)
        return Prediction(lips, _gated(lips[..., :1], shut), closure, silence, phonemes)


def _instants(steps: Tensor) -> Tensor:
    """[N, STRIDE C, S] -> [N, STRIDE S, C]."""
    steps = steps.transpose(1, 2)
    return steps.reshape(steps.shape[0], -1, steps.shape[2] // STRIDE)


def _gated(aperture: Tensor, shut: Tensor) -> Tensor:
    """The aperture [N, T, 1] brought down to CLOSED by the logit of a shut mouth [N, T, 1]."""
    opening = aperture - CLOSED
    # a slope is left below, so that training can raise again what fell there
    return CLOSED + opening.relu() * (1 - torch.sigmoid(shut - 2)) - 0.05 * (-opening).relu()


class SpeechToLips(nn.Module):
    """16 kHz mono audio float32 [N, samples] -> lip shape and phonemes at 100 Hz."""

    def __init__(self, encoder: Encoder | None = None, head: Head | None = None) -> None:
        super().__init__()
        self.front = MelPower()
        self.encoder = encoder or Encoder(DEPTH)
        self.head = head or Head()

    def forward(self, audio: Tensor) -> Prediction:
        instants = audio.shape[1] // HOP
        vectors, mel = self.features(audio)
        heard = self.head(vectors, mel)
        return settled(Prediction(*(value[:, :instants] for value in vars(heard).values())), mel[:, :, :instants])

    def features(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder vectors [N, S, WIDTH] at (k + 0.5) / 50 s and mel power [N, MEL_BANDS, STRIDE S]."""
        steps = (audio.shape[1] // HOP + STRIDE - 1) // STRIDE
        whole = nn.functional.pad(audio, (0, STRIDE * HOP))
        mel = self.front(whole)[:, :, : STRIDE * steps]
        return on_steps(self.encoder(nn.functional.pad(whole, (MARGIN, MARGIN))), steps), mel


def settled(heard: Prediction, mel: Tensor) -> Prediction:
    """What the head says, its aperture shut where lips surely touch or rest and kept open in sounds that need it.

    mel: mel power [N, MEL_BANDS, T]
    """
    closure, silence = heard.closure.sigmoid(), heard.silence.sigmoid()
    rest = torch.maximum(_ramp(_lasting(silence), *RESTING), _hushed(mel))
    open_ = (1 - _ramp(closure, *CLOSING)) * (1 - rest)
    apart = APART * (1 - _ramp(closure, *DOUBTFUL)) * (1 - _ramp(silence, *STILL))
    aperture = CLOSED + torch.maximum(heard.aperture - CLOSED, apart) * open_
    return Prediction(heard.lips, aperture, heard.closure, heard.silence, heard.phonemes)


def _ramp(probability: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, a straight line between."""
    return ((probability - low) / (high - low)).clamp(0, 1)


def _lasting(silence: Tensor) -> Tensor:
    """The least of [N, T, 1] within SETTLED either way: mouths open before they speak and close after it."""
    most = nn.functional.max_pool1d(-silence.transpose(1, 2), 2 * SETTLED + 1, 1, SETTLED)
    return -most.transpose(1, 2)


def _hushed(mel: Tensor) -> Tensor:
    """1 where nothing has sounded for a moment, nor is about to, [N, T, 1]; 0 where something does. mel: see `settled`

    Nothing sounds beyond the ends.
    """
    level = 10 * mel.mean(dim=1, keepdim=True).clamp(min=1e-12).log10()
    before, after = HUSHED
    around = nn.functional.pad(_ramp(level, *NOTHING), HUSHED)
    return 1 - nn.functional.max_pool1d(around, before + after + 1, 1).transpose(1, 2)


def on_steps(vectors: Tensor, steps: int) -> Tensor:
    """Encoder vectors [N, K, WIDTH] of audio with MARGIN on either side, interpolated to [N, steps, WIDTH]."""
    sample = STRIDE * HOP * (torch.arange(steps, device=vectors.device) + 0.5) + MARGIN
    position = (sample - VECTOR_FIRST) / VECTOR_HOP
    low = position.floor().long()
    share = (position - low)[None, :, None]
    return vectors[:, low] * (1 - share) + vectors[:, low + 1] * share


def save(network: nn.Module, constants: dict[str, object], path: Path) -> None:
    """Write a checkpoint: the state as float16 (half the size, no measurable loss) and constants as JSON."""
    state = {k: v.numpy().astype(np.float16 if v.is_floating_point() else v.numpy().dtype)
             for k, v in network.state_dict().items()}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **state, constants=np.array(json.dumps(constants)))


def load(path: Path = WEIGHTS) -> tuple[SpeechToLips, dict[str, object]]:
    """Read a checkpoint: the network in evaluation mode and its constants."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    constants = json.loads(str(arrays.pop("constants")))
    network = SpeechToLips()
    network.load_state_dict(
        {
            name: torch.from_numpy(value.astype(np.float32) if value.dtype == np.float16 else value)
            for name, value in arrays.items()
        }
    )
    return network.eval(), constants
