"""From the lips of a standard speaker to the range of this person."""

from __future__ import annotations

import numpy as np

from digital_human.core.frame import Float32
from digital_human.engines.exemplar.lip_geometry import smooth

STANDARD_APERTURE = np.array([-0.67, -0.32, 0.01, 0.34, 0.80, 1.80], np.float32)
"""Standard apertures that mean the same as the six `limits` of a person: shut, then percentiles of speaking.

What the network says of people and languages, and so narrower than lips are: the mean of all sources of
`python -m training.speech.calibrate`.
"""
CLOSING, RESTING = (0.35, 0.6), (0.5, 0.8)
"""Probabilities of closure and of silence between which the mouth shuts.

Of synthetic speech hardly one p, b or m is missed, and one other sound in two hundred taken for them; of people reading
one in ten is missed and one in fifty taken (`python -m training.speech.evaluate`). Lower, more shut, but the lips
follow people less well.
"""
HEADROOM = 0.25
"""Share of the slope with which the opening still grows beyond the 95th percentile: loud vowels keep apart."""
LARGEST = 1.05
"""Largest opening, over the 95th percentile of the person's own."""
WIDTH_GAIN = 0.9
GAIN = (0.85, 1.8)
"""Bounds of the factor by which a timid or a loud reading of the audio network is corrected."""
CONFIDENT = 40
"""Speaking frames of an utterance that weigh as much as what is expected of anybody."""


def aperture(standard: Float32, closure: Float32, silence: Float32, limits: Float32) -> Float32:
    """Aperture to draw, in inter-ocular distances, float32 [N].

    standard: z-scored aperture of a standard speaker [N]
    closure:  0-1, the lips of p, b, m touch [N]
    silence:  0-1, nobody speaks [N]
    limits:   this person's, see `Atlas`

    Half by quantiles, half linear: quantiles give the person's own distribution, but alone they make a bumpy curve.
    """
    shut, top = limits[0], limits[-1]
    standard = _corrected(standard, silence)
    by_quantile = np.interp(standard, STANDARD_APERTURE, limits)
    share = (standard - STANDARD_APERTURE[0]) / (STANDARD_APERTURE[-1] - STANDARD_APERTURE[0])
    linear = shut + np.clip(share, 0, 1) * (top - shut)
    opening = 0.5 * (by_quantile + linear) + HEADROOM * np.maximum(share - 1, 0) * (top - shut)
    opening = np.minimum(opening, LARGEST * top)
    gate = 1 - np.maximum(_ramp(closure, *CLOSING), _ramp(silence, *RESTING))
    return (shut + (opening - shut) * gate).astype(np.float32)  # type: ignore[no-any-return]


def strengthened(opening: Float32, strength: float, limits: Float32) -> Float32:
    """The opening drawn `strength` times as far about the shut mouth, float32 [N]; what is shut stays shut.

    Beyond the largest opening that `aperture` asks for it grows slowly: further the lips cannot be pulled.
    """
    shut, largest = limits[0], LARGEST * limits[-1]
    wanted = shut + strength * (opening - shut)
    bent = np.minimum(wanted, largest) + HEADROOM * np.maximum(wanted - largest, 0)
    return bent.astype(np.float32)  # type: ignore[no-any-return]


def _corrected(standard: Float32, silence: Float32) -> Float32:
    """The aperture of an utterance brought to the standard range, about the shut mouth.

    The network tends to the mean in languages and rooms it knows little. The utterance's own 95th percentile tells, but
    only of frames in which somebody speaks, and the less the shorter it is: a few soft words must not become shouts.
    """
    low, high = STANDARD_APERTURE[0], STANDARD_APERTURE[-1]
    speaking = standard[silence < 0.5]
    count = len(speaking)
    reached = float(np.percentile(speaking, 95)) if count else 0.0
    expected = (count * reached + CONFIDENT * high) / (count + CONFIDENT)
    gain = np.clip((high - low) / max(expected - low, 1e-3), *GAIN)
    return low + gain * (standard - low)  # type: ignore[no-any-return]


def width(standard: Float32, silence: Float32, limits: Float32) -> Float32:
    """Width to draw, in inter-ocular distances, float32 [N]; at rest the person's median. Arguments: see `aperture`."""
    low, middle, high, spread = limits
    wanted = middle + WIDTH_GAIN * spread * standard * (1 - _ramp(silence, *RESTING))
    return np.clip(smooth(wanted, 0.2), low, high).astype(np.float32)


def _ramp(value: Float32, low: float, high: float) -> Float32:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
