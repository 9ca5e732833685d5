"""Lip curves of a standard speaker, brought into the range of the person in the template."""

from __future__ import annotations

import numpy as np

from digital_human.core.frame import Float32
from digital_human.core.smoothing import smoothstep
from digital_human.core.types import Arrays
from digital_human.engines.exemplar.lip_geometry import smooth

STANDARD_APERTURE = np.array([-0.73, -0.57, -0.26, 0.07, 0.58, 1.66], np.float32)
"""Standard apertures that correspond to the six `limits` of a person: shut, then percentiles while speaking.

Quantiles of the model's predictions, which are narrower than those of lips: the mean of all sources of
`python -m training.speech.calibrate`.
"""
RESTING = (0.5, 0.8)
"""The corners of the mouth go to rest between these probabilities of silence. The aperture shuts by itself."""
RESTING_WIDTH, SHUT_MOUTH = 0.55, 0.02
"""How much wider lips are at rest than while speaking, standard deviations: the model's mean in the pauses of the
validation share. The aperture beyond shut up to which an exemplar shows what width shut lips have."""
HEADROOM = 0.25
"""Slope of the opening beyond the 95th percentile, relative to that below: loud vowels stay distinct."""
LARGEST = 1.05
"""Largest opening, relative to the person's 95th percentile."""
WIDTH_GAIN = 0.9
GAIN = (0.85, 1.8)
"""Bounds of the gain that corrects an utterance for which the model predicts too little or too much."""
CONFIDENT = 40
"""Number of speaking frames at which the utterance and the prior weigh the same."""


def aperture(standard: Float32, silence: Float32, limits: Float32, gain: float | None = None) -> Float32:
    """Aperture to draw, inter-ocular distances, float32 [N].

    standard: z-scored aperture of a standard speaker [N]
    silence:  probability that nobody speaks [N]
    limits:   [6], see `Atlas`
    gain:     of the utterance, where only a part of it is given; see `gain_of`

    Half of the mapping is by quantiles, half is linear. Quantiles alone reproduce the person's distribution, but make
    bumpy curves.
    """
    shut, top = limits[0], limits[-1]
    if gain is None:
        gain = gain_of(standard[silence < 0.5])
    standard = STANDARD_APERTURE[0] + gain * (standard - STANDARD_APERTURE[0])
    by_quantile = np.interp(standard, STANDARD_APERTURE, limits)
    share = (standard - STANDARD_APERTURE[0]) / (STANDARD_APERTURE[-1] - STANDARD_APERTURE[0])
    linear = shut + np.clip(share, 0, 1) * (top - shut)
    opening = 0.5 * (by_quantile + linear) + HEADROOM * np.maximum(share - 1, 0) * (top - shut)
    return np.minimum(opening, LARGEST * top).astype(np.float32)  # type: ignore[no-any-return]


def strengthened(opening: Float32, strength: float, limits: Float32) -> Float32:
    """The opening scaled by `strength` about the shut mouth, float32 [N]. A shut mouth stays shut.

    Beyond the largest opening of `aperture` it grows slowly: lips cannot be pulled much further.
    """
    shut, largest = limits[0], LARGEST * limits[-1]
    wanted = shut + strength * (opening - shut)
    bent = np.minimum(wanted, largest) + HEADROOM * np.maximum(wanted - largest, 0)
    return bent.astype(np.float32)  # type: ignore[no-any-return]


def unhurried(opening: Float32, fastest: Float32) -> Float32:
    """The opening, float32 [N], nowhere faster than the person: what is too fast is spread over the frames around it.

    Only downwards: before it shuts fast, and after it opens fast, the mouth opens less. A closure stays where it is.

    fastest: closing and opening, see `Atlas` [2]
    """
    closing, opens = fastest.tolist()
    slow = opening.copy()
    for k in range(1, len(slow)):
        slow[k] = min(slow[k], slow[k - 1] + opens)
    for k in range(len(slow) - 2, -1, -1):
        slow[k] = min(slow[k], slow[k + 1] + closing)
    return slow


def gain_of(speaking: Float32) -> float:
    """The factor that scales the aperture of an utterance about the shut mouth into the standard range.

    speaking: z-scored aperture of its frames in which somebody speaks [n]

    In languages and rooms that it knows little, the model tends to the mean. The 95th percentile of the speaking frames
    shows by how much. It counts less in short utterances: a few soft words must not become shouts.
    """
    low, high = STANDARD_APERTURE[0], STANDARD_APERTURE[-1]
    count = len(speaking)
    reached = float(np.percentile(speaking, 95)) if count else 0.0
    expected = (count * reached + CONFIDENT * high) / (count + CONFIDENT)
    return float(np.clip((high - low) / max(expected - low, 1e-3), *GAIN))


def width(standard: Float32, silence: Float32, limits: Float32, resting: float) -> Float32:
    """Width to draw, inter-ocular distances, float32 [N].

    standard: z-scored width of a standard speaker [N]
    silence:  see `aperture`
    limits:   [4], `Atlas.width_limits`
    resting:  width at rest, see `resting_width`
    """
    low, middle, high, spread = limits
    rest = _ramp(silence, *RESTING)
    wanted = (1 - rest) * (middle + WIDTH_GAIN * spread * standard) + rest * resting
    return np.clip(smooth(wanted, 0.2), low, high).astype(np.float32)


def resting_width(analysis: Arrays) -> float:
    """Width at rest, inter-ocular distances: as much wider as people's lips are, as far as this person's shut ones are.

    Lips that were never seen open rest as they are.

    analysis: arrays of either kind of mouth
    """
    _, middle, _, spread = np.asarray(analysis["width_limits"], np.float32).tolist()
    if "exemplar_frame" not in analysis:
        return float(middle)
    shut = np.asarray(analysis["aperture"]) <= analysis["limits"][0] + SHUT_MOUTH
    seen = np.asarray(analysis["width"], np.float32)[shut]
    if len(seen) == 0:
        return float(middle)
    return float(np.clip(middle + RESTING_WIDTH * spread, *np.percentile(seen, [3, 97])))


def _ramp(value: Float32, low: float, high: float) -> Float32:
    return smoothstep((value - low) / (high - low))
