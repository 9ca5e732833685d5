"""What phonetics says of the aperture: a rough curve, right on average, for where no lips were measured.

Each class has a target, and neighbours blend into each other (a much reduced form of Cohen & Massaro 1993, "Modeling
Coarticulation in Synthetic Visual Speech"). By itself it follows the lips of real talkers with r of 0.7 (GRID) and
0.4 (natural speech).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from export.networks.speech_to_lips import PHONEMES, SpeechToLips
from training.speech.clips import Clip
from training.speech.phones import RATE

_OPENING = {
    "silence": 0.0, "open": 1.0, "open_mid": 0.65, "mid": 0.4, "close": 0.3, "open_mid_rounded": 0.8,
    "mid_rounded": 0.55, "close_rounded": 0.25, "front_rounded": 0.3, "bilabial": -0.1, "labiodental": 0.05,
    "dental": 0.2, "alveolar": 0.22, "sibilant": 0.15, "postalveolar": 0.2, "velar": 0.3, "rhotic": 0.25,
    "palatal": 0.25, "labiovelar": 0.12,
}  # fmt: skip
OPENINGS = torch.tensor([_OPENING[name] for name in PHONEMES])
MEAN, DEVIATION = 0.3, 0.25
"""Of the curve over speech, so that it can be put on the standard scale of lips."""
BLEND = 17
"""Instants over which neighbours blend."""
LARGEST_DELAY = 0.28


def aperture(posteriors: Tensor) -> Tensor:
    """Probabilities of phonemes [N, T, len(PHONEMES)] -> aperture [N, T] on the standard scale."""
    window = torch.hann_window(BLEND + 2, periodic=False)[1:-1]
    curve = (posteriors @ OPENINGS)[:, None]
    padded = torch.nn.functional.pad(curve, (BLEND // 2, BLEND // 2), mode="replicate")
    smooth = torch.nn.functional.conv1d(padded, (window / window.sum())[None, None])
    return (smooth[:, 0] - MEAN) / DEVIATION


def estimate_delay(clip: Clip, network: SpeechToLips) -> float:
    """Seconds (positive: the sound is late) at which the predicted openings fit the measured ones best."""
    with torch.no_grad():
        predicted = aperture(network(torch.from_numpy(clip.audio)[None]).phonemes.softmax(dim=2))[0].numpy()
    instants = (np.arange(len(predicted)) + 0.5) / RATE
    seen = clip.lips[:, 0]
    sure = np.isfinite(seen)
    delays = np.arange(-LARGEST_DELAY, LARGEST_DELAY + 0.01, 0.02)
    fits = [np.corrcoef(np.interp(clip.times + delay, instants, predicted)[sure], seen[sure])[0, 1] for delay in delays]
    return round(float(delays[int(np.argmax(fits))]), 3)
