"""Lip curves of a standard speaker, predicted from audio of any length by the model `speech_to_lips`.

Long speech is split into windows that overlap and cross-fade, so memory is bounded and the curves have no seams.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from digital_human.core.frame import Float32, Float64
from digital_human.core.types import SPEECH_RATE, Models

MODEL = "speech_to_lips"
INSTANTS = 100
"""Instants a second; instant k lies at (k + 0.5) / 100 s."""
WINDOW, OVERLAP = 1000, 200
"""Instants of the longest window, and of its overlap with the next at least."""
STEP = 50
"""Windows are a multiple of this many instants long: runtimes compile a model again for every new length."""
NEIGHBOURHOOD = 1
"""Lips that touch within this many instants of a frame touch in it: a frame is longer than a /p/."""
TOUCHING = (-1.0, -0.85)
"""Standard apertures below which lips touch, and above which they do not."""


@dataclass(frozen=True)
class LipCurves:
    """Curves of a standard speaker, float32 [N] each, one value per output frame.

    aperture, width: z-scores; an aperture of about -1.1 is a shut mouth
    silence: probability that nobody speaks, 0-1
    """

    aperture: Float32
    width: Float32
    silence: Float32


def predict_lips(audio: Float32, count: int, fps: Fraction, models: Models) -> LipCurves:
    """Lip curves of `count` frames; frame k is shown at (k + 0.5) / fps seconds.

    audio: float32 [samples], 16 kHz mono, +-1
    """
    return sample(curves_of(audio, models), (np.arange(count) + 0.5) * float(INSTANTS / fps) - 0.5)


def sample(curves: Float32, at: Float64) -> LipCurves:
    """Lip curves of N frames from those of instants, float32 [T, 3]. at: instants that frames show [N], fractional"""
    instants = len(curves)
    low = np.clip(np.floor(at).astype(np.int64), 0, instants - 1)
    high, part = np.clip(low + 1, 0, instants - 1), (at - np.floor(at)).astype(np.float32)
    sampled = curves[low, :2] * (1 - part[:, None]) + curves[high, :2] * part[:, None]
    around = np.clip(
        np.rint(at).astype(np.int64)[:, None] + np.arange(-NEIGHBOURHOOD, NEIGHBOURHOOD + 1), 0, instants - 1
    )
    least = curves[around, 0].min(1)
    touch = np.clip((TOUCHING[1] - least) / (TOUCHING[1] - TOUCHING[0]), 0, 1)
    aperture = sampled[:, 0] + touch * (np.minimum(least, sampled[:, 0]) - sampled[:, 0])
    return LipCurves(aperture.astype(np.float32), sampled[:, 1], curves[around, 2].mean(1))


def curves_of(audio: Float32, models: Models) -> Float32:
    """Aperture, width and silence of every instant of the audio, float32 [T, 3]."""
    instants = max(1, -(-len(audio) * INSTANTS // SPEECH_RATE))
    curves = np.zeros((instants, 3), np.float32)
    weight = np.zeros((instants, 1), np.float32)
    for start, stop in windows(instants):
        predicted = _predict_window(audio, start, stop, models)[: instants - start]
        fade = np.minimum(np.arange(1, stop - start + 1), np.arange(stop - start, 0, -1))[: len(predicted)]
        share = np.minimum(fade / OVERLAP, 1).astype(np.float32)[:, None]
        curves[start:stop] += share * predicted
        weight[start:stop] += share
    return curves / weight


def windows(instants: int) -> list[tuple[int, int]]:
    """Starts and ends of windows of one length that cover the instants; the last may end after them."""
    count = max(1, -(-(instants - OVERLAP) // (WINDOW - OVERLAP)))
    length = -(-(instants + (count - 1) * OVERLAP) // (count * STEP)) * STEP
    starts = np.linspace(0, max(instants - length, 0), count).round().astype(int).tolist()
    return [(start, start + length) for start in starts]


def _predict_window(audio: Float32, start: int, stop: int, models: Models) -> Float32:
    """Aperture, width and silence of instants start..stop, [n, 3]; after the audio it is silent."""
    hop = SPEECH_RATE // INSTANTS
    part = np.zeros((stop - start) * hop, np.float32)
    given = audio[start * hop : stop * hop]
    part[: len(given)] = given
    return predict_window(part, models)


def predict_window(audio: Float32, models: Models) -> Float32:
    """Aperture, width and silence of every instant of one window, float32 [T, 3]. audio: float32 [T * 160]"""
    outputs = models.infer(MODEL, {"audio": audio[None]}, ("aperture", "lips", "silence"))
    columns = [outputs["aperture"][0], outputs["lips"][0, :, 1], outputs["silence"][0]]
    return np.stack(columns, 1).astype(np.float32)  # type: ignore[no-any-return]
