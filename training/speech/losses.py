"""The losses of the speech network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from export.networks.speech_to_lips import PHONEMES, Prediction
from training.speech.articulation import aperture
from training.speech.corpus import RealBatch, SyntheticBatch
from training.speech.phones import SILENCE

LIP_WEIGHTS = torch.tensor((1.0, 0.4, 0.4, 0.4, 0.3))
"""How much each of LIPS counts: the ruler is steadiest for the aperture."""
OFFSET_SHARE = 0.3
"""How much of the lip loss looks at absolute values; the rest looks at the movement, free of a clip's expression."""
SHUT = 0.1
"""Standard deviations above the closed aperture that still count as shut."""
PARTED = 0.45
"""Standard deviations above it that lips are apart at least in sounds that need them apart."""


def phone_losses(predicted: Prediction, batch: SyntheticBatch) -> Tensor:
    """Cross-entropy of phonemes, closure (which is rare, and the hardest) and silence on synthetic speech."""
    phonemes = functional.cross_entropy(
        predicted.phonemes.flatten(0, 1), batch.phonemes.flatten(), label_smoothing=0.05, ignore_index=-100
    )
    sure = ~batch.closure.isnan()
    closure = functional.binary_cross_entropy_with_logits(
        predicted.closure[..., 0][sure], batch.closure[sure], pos_weight=torch.tensor(1.5)
    )
    silence = functional.binary_cross_entropy_with_logits(predicted.silence[..., 0], batch.rest)
    return phonemes + 3 * closure + 0.5 * silence


def shut_loss(predicted: Prediction, batch: SyntheticBatch, closed: float) -> Tensor:
    """Lips that do not shut for p, b, m or rest in a pause, in squared standard deviations."""
    gape = functional.relu(predicted.aperture[..., 0] - closed - SHUT) ** 2
    bilabial = batch.closure == 1
    return _mean(gape, bilabial) + _mean(gape, batch.rest == 1)


def parted_loss(predicted: Prediction, batch: SyntheticBatch, closed: float) -> Tensor:
    """Lips that shut where other sounds are spoken, away from closures and pauses, in squared standard deviations."""
    apart = ~_near(batch.closure != 0, 4) & ~_near(batch.phonemes == SILENCE, 12)
    return _mean(functional.relu(closed + PARTED - predicted.aperture[..., 0]) ** 2, apart)


def _near(where: Tensor, reach: int) -> Tensor:
    """bool [N, T]: within `reach` instants of True."""
    return functional.max_pool1d(where.float()[:, None], 2 * reach + 1, 1, reach)[:, 0] > 0


def articulation_loss(predicted: Prediction, batch: SyntheticBatch) -> Tensor:
    """Squared distance of the aperture from what phonetics expects of the phones spoken."""
    known = batch.phonemes >= 0
    expected = aperture(functional.one_hot(batch.phonemes.clamp(min=0), len(PHONEMES)).float())
    return _mean((predicted.aperture[..., 0] - expected) ** 2, known)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    weight = where.to(values.dtype)
    return (values * weight).sum() / (weight.sum() + 1)


def lip_loss(lips: Tensor, batch: RealBatch) -> Tensor:
    """Squared error of lips [N, T, len(LIPS)] at the video frames: of the movement and, lighter, of absolute values."""
    predicted = at_instants(lips, batch.instant)
    weight = batch.weight[..., None]
    error = (predicted - batch.lips) * weight
    mean = error.sum(dim=1, keepdim=True) / (weight.sum(dim=1, keepdim=True) + 1)
    moving = (error - mean) * weight
    squares = OFFSET_SHARE * error**2 + (1 - OFFSET_SHARE) * moving**2
    return (squares * LIP_WEIGHTS).sum() / weight.sum()


def at_instants(lips: Tensor, instant: Tensor) -> Tensor:
    """Lips [N, T, K] interpolated at fractional instants [N, F] -> [N, F, K]."""
    low = instant.floor().long().clamp(0, lips.shape[1] - 2)
    share = (instant - low)[..., None]
    rows = torch.arange(len(lips))[:, None]
    return lips[rows, low] * (1 - share) + lips[rows, low + 1] * share
