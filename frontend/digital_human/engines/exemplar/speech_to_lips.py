"""Lip curves of a standard speaker, predicted from audio of any length by the model `speech_to_lips`.

Long speech is split into windows that overlap and cross-fade, so memory is bounded and the curves have no seams.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from digital_human.core.frame import Float32
from digital_human.core.types import SPEECH_RATE, Models

MODEL = "speech_to_lips"
INSTANTS = 100
"""Instants a second; instant k lies at (k + 0.5) / 100 s."""
WINDOW, OVERLAP = 800, 200
"""Instants of a window, and of its overlap with the next."""
NEIGHBOURHOOD = 1
"""A closure or a pause counts for a frame when it lies this many instants around it: a frame is longer than a /p/.

Wider, it shuts no more of them (95.8 or 96.2 %), but holds the mouth shut for longer than people do (r 0.84, not 0.85).
"""


@dataclass(frozen=True)
class LipCurves:
    """Curves of a standard speaker, float32 [N] each, one value per output frame.

    aperture, width: z-scores
    closure: probability that the lips touch, 0-1
    silence: probability that nobody speaks, 0-1
    """

    aperture: Float32
    width: Float32
    closure: Float32
    silence: Float32


def predict_lips(audio: Float32, count: int, fps: Fraction, models: Models) -> LipCurves:
    """Lip curves of `count` frames; frame k is shown at (k + 0.5) / fps seconds.

    audio: float32 [samples], 16 kHz mono, +-1
    """
    instants = max(1, -(-len(audio) * INSTANTS // SPEECH_RATE))
    curves = np.zeros((instants, 4), np.float32)
    weight = np.zeros((instants, 1), np.float32)
    for start, stop in _windows(instants):
        predicted = _predict_window(audio, start, stop, models)
        fade = np.minimum(np.arange(1, stop - start + 1), np.arange(stop - start, 0, -1))
        share = np.minimum(fade / OVERLAP, 1).astype(np.float32)[:, None]
        curves[start:stop] += share * predicted
        weight[start:stop] += share
    curves /= weight

    at = (np.arange(count) + 0.5) * float(INSTANTS / fps) - 0.5
    low = np.clip(np.floor(at).astype(np.int64), 0, instants - 1)
    high, part = np.clip(low + 1, 0, instants - 1), (at - np.floor(at)).astype(np.float32)
    sampled = curves[low, :2] * (1 - part[:, None]) + curves[high, :2] * part[:, None]
    around = np.clip(
        np.rint(at).astype(np.int64)[:, None] + np.arange(-NEIGHBOURHOOD, NEIGHBOURHOOD + 1), 0, instants - 1
    )
    closure = curves[around, 2].max(1)
    return LipCurves(sampled[:, 0], sampled[:, 1], closure, curves[around, 3].mean(1))


def _windows(instants: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of windows; the last is moved back to be as long as the others."""
    step = WINDOW - OVERLAP
    start = 0
    while start + WINDOW < instants:
        yield start, start + WINDOW
        start += step
    yield max(0, min(start, instants - WINDOW)), instants


def _predict_window(audio: Float32, start: int, stop: int, models: Models) -> Float32:
    """Aperture, width, closure and silence of instants start..stop, [n, 4]."""
    hop = SPEECH_RATE // INSTANTS
    part = np.zeros((stop - start) * hop, np.float32)
    given = audio[start * hop : stop * hop]
    part[: len(given)] = given
    outputs = models.infer(MODEL, {"audio": part[None]}, ("lips", "closure", "silence"))
    lips = outputs["lips"][0, :, :2]
    columns = [lips, outputs["closure"][0][:, None], outputs["silence"][0][:, None]]
    return np.concatenate(columns, 1).astype(np.float32)  # type: ignore[no-any-return]
