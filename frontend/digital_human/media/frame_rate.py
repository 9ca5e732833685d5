"""The constant rate at which a video is read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import islice, pairwise
from statistics import median

import av
from av.container import InputContainer
from av.video.stream import VideoStream

MAX_FPS = 120
MAX_GRID_FPS = 60
_COMMON_RATES = [Fraction(n * 1000, 1001) for n in (24, 30, 60)] + [Fraction(n) for n in (24, 25, 30, 50, 60)]
_PACKETS = 400
_SINGLE_STEPS, _ON_GRID, _JITTER = 0.3, 0.98, 0.25
"""Shares of the steps between pictures that must be one period, and some whole number of periods within the jitter."""


def constant_rate(average: Fraction | None, guessed: Fraction | None) -> Fraction:
    """The rate to keep. A variable-rate file's average is snapped to the common rate it comes close to."""
    for rate in (average, guessed):
        if rate and 1 <= rate <= MAX_FPS:
            return _snapped(rate)
    return Fraction(25)


def grid_rate(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """The rate of a grid on which every picture lies although some are missing, as phones record; None without one.

    At this rate every picture is kept, and repeated only where there is a gap. Reads the time stamps of the first
    packets and decodes nothing; the container is left anywhere. Raises av.FFmpegError for a damaged file.
    """
    if stream.time_base is None:
        return None
    with suppress(av.FFmpegError):  # formats that cannot be sought go on from where they are
        container.seek(0)
    stamps = sorted({p.pts for p in islice(container.demux(stream), _PACKETS) if p.pts is not None})
    steps = [float((b - a) * stream.time_base) for a, b in pairwise(stamps)]
    if len(steps) < 8:
        return None
    period = median(step for step in steps if step <= 1.5 * median(steps))
    if not 1 <= 1 / period <= MAX_GRID_FPS * 1.01:
        return None
    # One step tells 30 from 25, all of them tell 30 from 29.97.
    periods = sum(max(round(step / period), 1) for step in steps)
    measured = Fraction(periods / sum(steps))
    rate = _snapped(measured, (*_COMMON_RATES, Fraction(max(round(measured), 1)))).limit_denominator(1001)
    counts = [step * float(rate) for step in steps]
    single = sum(abs(count - 1) <= _JITTER for count in counts) / len(counts)
    on_grid = sum(count > 0.5 and abs(count - round(count)) <= _JITTER for count in counts) / len(counts)
    return rate if single >= _SINGLE_STEPS and on_grid >= _ON_GRID else None


def _snapped(rate: Fraction, rates: Sequence[Fraction] = _COMMON_RATES) -> Fraction:
    near = min(rates, key=lambda common: abs(common - rate))
    return near if abs(near - rate) < rate / 500 else Fraction(rate)
