"""When each unit of a text is said: the text is spread over the stretches of speech, so that its punctuation falls
into their pauses and the rate stays even.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Float64
from digital_human.errors import BadInputError
from digital_human.subtitles.text import CLAUSE, SENTENCE, Unit, groups_of, joined, lines_of, units_of

INSTANTS = 100
"""Instants of the curve of silence a second."""
PAUSE, BLIP = 0.15, 0.06
"""Seconds of silence that part two stretches of speech, and of sound that is none."""
RATES = 0.8, 14.0
"""Least and largest syllables a second that anybody speaks."""
UNPUNCTUATED = {SENTENCE: 0.0, CLAUSE: 0.4}
"""Cost of a pause after a unit; without punctuation it is 2."""
BAND = 60
"""Units around the expected one among which a pause may fall, at least."""
SHORTEST, LINGER = 0.8, 0.5
"""Seconds that a subtitle is shown at least, and longer than its words if there is room."""


@dataclass(frozen=True)
class Cue:
    """start, end: seconds from the beginning of the result; lines: what is shown; text: the same on one line"""

    start: float
    end: float
    text: str
    lines: tuple[str, ...]


def cues_of(text: str, silence: Float32) -> list[Cue]:
    """The subtitles of a speech.

    silence: float32 [T], probability that nobody speaks, `INSTANTS` a second
    Raises BadInputError where the text has no words or does not fit the speech.
    """
    units = units_of(text)
    if not units:
        raise BadInputError("subtitle_text_empty")
    speech = stretches(silence)
    seconds = float(sum(end - start for start, end in speech))
    syllables = sum(unit.weight for unit in units)
    if not RATES[0] * seconds <= syllables <= RATES[1] * seconds:
        raise BadInputError("subtitle_text_unfit", syllables=round(syllables), seconds=round(seconds, 1))
    return cues_at(units, align(units, speech), len(silence) / INSTANTS)


def cues_at(units: Sequence[Unit], times: Float64, seconds: float) -> list[Cue]:
    """The subtitles of units whose start and end are known, seconds, [N, 2]. seconds: of the whole speech"""
    gaps = [*(times[1:, 0] - times[:-1, 1]), 0.0]
    groups = groups_of(units, gaps)
    cues = []
    for group, following in zip(groups, [*groups[1:], None], strict=True):
        start, end = float(times[group[0], 0]), float(times[group[-1], 1])
        limit = seconds if following is None else float(times[following[0], 0])
        end = min(max(end + LINGER, start + SHORTEST), max(limit, end))
        shown = [units[k] for k in group]
        cues.append(Cue(round(start, 3), round(end, 3), joined(shown), tuple(lines_of(shown))))
    return cues


def stretches(silence: Float32) -> list[tuple[float, float]]:
    """Start and end of each stretch of speech, seconds."""
    speaks = np.concatenate([[False], silence < 0.5, [False]])
    edges = np.flatnonzero(np.diff(speaks.astype(np.int8))) / INSTANTS
    found: list[tuple[float, float]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if found and start - found[-1][1] < PAUSE:
            found[-1] = (found[-1][0], end)
        elif end - start >= BLIP:
            found.append((start, end))
    return found


def align(units: Sequence[Unit], speech: Sequence[tuple[float, float]]) -> Float64:
    """Start and end of each unit, seconds, float64 [N, 2]."""
    ends = _ends(units, speech)
    weight = np.concatenate([[0.0], np.cumsum([unit.weight for unit in units])])
    times = np.zeros((len(units), 2))
    first = 0
    for (start, end), last in zip(speech, ends, strict=True):
        if last > first:
            share = (weight[first : last + 1] - weight[first]) / (weight[last] - weight[first])
            moments = start + share * (end - start)
            times[first:last] = np.column_stack([moments[:-1], moments[1:]])
        first = last
    return times


def _ends(units: Sequence[Unit], speech: Sequence[tuple[float, float]]) -> npt.NDArray[np.int64]:
    """The number of units that are said by the end of each stretch, by dynamic programming."""
    count = len(units)
    weight = np.concatenate([[0.0], np.cumsum([unit.weight for unit in units])])
    duration = np.array([end - start for start, end in speech])
    expected = duration * weight[-1] / duration.sum()
    pauses = np.array([0.0, *(UNPUNCTUATED.get(unit.pause, 2.0) for unit in units)])
    band = max(BAND, count // 8)
    cost = np.full(count + 1, np.inf)
    cost[0] = 0
    came = np.zeros((len(speech), count + 1), np.int64)
    reached = np.cumsum(expected)
    for k in range(len(speech)):
        middle = int(np.searchsorted(weight, reached[k]))
        low, high = max(middle - band, 0), min(middle + band, count)
        if k + 1 == len(speech):
            low = high = count
        begin, stop = max(low - 2 * band, 0), high
        said = weight[None, low : high + 1] - weight[begin : stop + 1, None]
        step = np.where(said >= 0, (said - expected[k]) ** 2 / (expected[k] + 1), np.inf)
        total = cost[begin : stop + 1, None] + step
        best = total.argmin(0)
        fresh = np.full(count + 1, np.inf)
        fresh[low : high + 1] = total[best, np.arange(high + 1 - low)]
        if k + 1 < len(speech):
            fresh += pauses
        came[k, low : high + 1] = begin + best
        cost = fresh
    ends = np.zeros(len(speech), np.int64)
    at = count
    for k in range(len(speech) - 1, -1, -1):
        ends[k], at = at, int(came[k, at])
    return ends
