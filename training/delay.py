"""How late a clip's sound runs against its picture."""

from __future__ import annotations

import numpy as np
import torch

from export.speech_to_lips import PHONEMES, SpeechToLips
from training.clips import Clip
from training.phones import RATE

_OPENING = {
    "silence": 0.0, "open": 1.0, "open_mid": 0.65, "mid": 0.4, "close": 0.3, "open_mid_rounded": 0.8,
    "mid_rounded": 0.55, "close_rounded": 0.25, "front_rounded": 0.3, "bilabial": -0.1, "labiodental": 0.05,
    "dental": 0.2, "alveolar": 0.22, "sibilant": 0.15, "postalveolar": 0.2, "velar": 0.3, "rhotic": 0.25,
    "palatal": 0.25, "labiovelar": 0.12,
}  # fmt: skip
"""Rough aperture of each class; good enough to find an offset, not to move lips with."""

LARGEST = 0.24


def estimate_delay(clip: Clip, network: SpeechToLips) -> float:
    """Seconds (positive: the sound is late) at which the openings heard fit the openings seen best."""
    with torch.no_grad():
        heard = network(torch.from_numpy(clip.audio)[None]).phonemes[0].softmax(dim=1).numpy()
    curve = heard @ np.array([_OPENING[name] for name in PHONEMES])
    smooth = np.convolve(curve, np.hanning(13) / np.hanning(13).sum(), "same")
    instants = (np.arange(len(smooth)) + 0.5) / RATE
    seen = clip.lips[:, 0]
    sure = np.isfinite(seen)
    delays = np.arange(-LARGEST, LARGEST + 0.01, 0.02)
    fits = [np.corrcoef(np.interp(clip.times + delay, instants, smooth)[sure], seen[sure])[0, 1] for delay in delays]
    return round(float(delays[int(np.argmax(fits))]), 3)
