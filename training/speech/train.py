"""Train a head on windows of speech and of clips: the steps, and what they lose."""

from __future__ import annotations

import copy
import logging
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from export.networks.speech_to_lips import CLOSED, LIPS, STRIDE, Head, Prediction
from training.speech import augment
from training.speech.corpus import RealBatch, RealClips, SyntheticBatch
from training.speech.losses import articulation_loss, lip_loss, parted_loss, phone_losses, shut_loss
from training.speech.phones import RATE
from training.speech.windows import Window

log = logging.getLogger("training.speech")

SHUT, PARTED, ARTICULATION = 0.4, 0.6, 0.2
"""Weights of the losses beside that of measured lips: shut lips, parted ones, and the rough aperture that phonetics
expects of synthetic speech, which holds the network up where the clips say nothing."""
LEARNING_RATE, AVERAGE_DECAY = 2e-3, 0.99
LENGTHS = (200, 300, 300)
"""Instants of what a step sees of a window."""
WITHOUT_VECTORS = 0.1
"""Share of the steps in which the mels must do alone."""


@dataclass(frozen=True)
class Stage:
    """spoken, speechless, filmed: windows of each kind in a step. With filmed ones lips alone learn, without phones."""

    steps: int
    rate: float = LEARNING_RATE
    spoken: int = 8
    speechless: int = 1
    filmed: int = 0


@dataclass(frozen=True)
class Material:
    """Windows to learn from, by kind."""

    spoken: Sequence[Window]
    speechless: Sequence[Window]
    filmed: Sequence[Window] = ()


def train(head: Head, stage: Stage, material: Material, seed: int) -> Head:
    """Train in place; return the moving average of the weights, which is steadier than the last step's."""
    chance, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    learning: nn.Module = head.mouths if stage.filmed else head
    optimiser = torch.optim.AdamW(learning.parameters(), stage.rate, weight_decay=0.03)
    average = copy.deepcopy(head).eval()
    head.eval()
    learning.train()
    for step, rate in enumerate(learning_rates(stage)):
        for group in optimiser.param_groups:
            group["lr"] = rate
        losses = _losses(head, _draw(stage, material, chance), chance, generator)
        loss = sum(losses.values(), torch.zeros(()))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learning.parameters(), 5.0)
        optimiser.step()
        _follow(average, head, min(AVERAGE_DECAY, (1 + step) / (10 + step)))
        if step % 100 == 0 or step == stage.steps - 1:
            log.info("step %d: %s", step, {name: round(value.item(), 3) for name, value in losses.items()})
    return average


def learning_rates(stage: Stage) -> Iterator[float]:
    """A short warm-up, then half a cosine down."""
    for step in range(stage.steps):
        yield stage.rate * min(1.0, (step + 1) / 30) * max(0.01, 0.5 * (1 + math.cos(math.pi * step / stage.steps)))


@torch.no_grad()
def _follow(average: nn.Module, head: nn.Module, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), head.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)


@dataclass(frozen=True)
class _Batch:
    vectors: Tensor
    logs: Tensor
    spoken: SyntheticBatch
    filmed: RealBatch | None


def _draw(stage: Stage, material: Material, chance: random.Random) -> _Batch:
    """Pieces of equal length from windows of every kind."""
    length = chance.choice(LENGTHS)
    sampled: list[tuple[Window, int]] = []
    for kind, count in (
        (material.spoken, stage.spoken),
        (material.speechless, stage.speechless),
        (material.filmed, stage.filmed),
    ):
        for window in chance.choices([w for w in kind if w.mels.shape[1] >= length], k=count) if count else []:
            sampled.append((window, STRIDE * chance.randint(0, (window.mels.shape[1] - length) // STRIDE)))
    known = [(window, slice(start, start + length)) for window, start in sampled[: stage.spoken + stage.speechless]]
    return _Batch(
        torch.stack([_tensor(w.vectors[at // STRIDE : (at + length) // STRIDE]) for w, at in sampled]),
        torch.stack([_tensor(w.mels[:, at : at + length]) for w, at in sampled]),
        SyntheticBatch(
            torch.zeros(0),
            torch.stack([torch.from_numpy(w.phonemes[part].astype(np.int64)) for w, part in known]),
            torch.stack([_tensor(w.closure[part]) for w, part in known]),
            torch.stack([_tensor(w.rest[part]) for w, part in known]),
        ),
        _filmed(sampled[len(known) :], length) if len(sampled) > len(known) else None,
    )


def _filmed(sampled: Sequence[tuple[Window, int]], length: int) -> RealBatch:
    """Frames of the piece alone, not too near its ends, whose sound the head does not see whole."""
    rim = RealClips.RIM * RATE
    most = max(len(window.instant) for window, _ in sampled)
    instant, weight = torch.zeros(len(sampled), most), torch.zeros(len(sampled), most)
    lips = torch.zeros(len(sampled), most, len(LIPS))
    for row, (window, start) in enumerate(sampled):
        count, place = len(window.instant), window.instant - start
        seen = (window.weight > 0) & (place > rim) & (place < length - 1 - rim)
        instant[row, :count] = torch.from_numpy(np.where(seen, place, 0))
        weight[row, :count] = torch.from_numpy(seen.astype(np.float32))
        lips[row, :count] = _tensor(window.lips)
    return RealBatch(torch.zeros(0), instant, lips, weight)


def _tensor(values: npt.NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _losses(head: Head, batch: _Batch, chance: random.Random, generator: torch.Generator) -> dict[str, Tensor]:
    """The parts of the loss, weighted."""
    vectors = batch.vectors + 0.1 * batch.vectors.std() * torch.randn(batch.vectors.shape, generator=generator)
    mels = torch.exp(batch.logs)
    if chance.random() < 0.5:
        mels = augment.equalise(mels, generator)
    if chance.random() < WITHOUT_VECTORS:
        vectors = torch.zeros_like(vectors)
    predicted = head(vectors, augment.mask_bands(mels, generator))
    count = len(batch.spoken.phonemes)
    said = Prediction(*(value[:count] for value in vars(predicted).values()))
    if batch.filmed is None:
        return {"phones": 0.5 * phone_losses(said, batch.spoken)}
    return {
        "lips": lip_loss(predicted.shape[count:], batch.filmed),
        "shut": SHUT * shut_loss(said, batch.spoken, CLOSED),
        "parted": PARTED * parted_loss(said, batch.spoken, CLOSED),
        "articulation": ARTICULATION * articulation_loss(said, batch.spoken),
    }
