"""Drawn mouths fade beside a frame that passes unchanged: in the midst of speech its own mouth would pop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from digital_human.core.border import mix
from digital_human.core.frame import Frame
from digital_human.core.landmarks import Indices

FADE = 3
"""Frames over which the drawn mouth fades, on either side."""


@dataclass(frozen=True)
class Drawn:
    """A frame of the output.

    passed: whether it was found ruined and shows the template's own mouth instead
    own:    returns the same frame with the template's own mouth; None where it cannot be needed
    """

    frame: Frame
    passed: bool = False
    own: Callable[[], Frame] | None = None


def near_passed(count: int, passed: Indices) -> npt.NDArray[np.bool_]:
    """Which frames of a batch may have to fade, bool [count]: those beside one that passed, perhaps in the next batch.

    passed: places of the batch
    """
    others = np.concatenate([passed, [-1, count]])
    return np.asarray((np.abs(np.arange(count)[:, None] - others) < FADE).any(1))


def fade(frames: Iterable[Drawn]) -> Iterator[Frame]:
    """The frames, of which those beside one that passed are mixed with the template's own. Two are held back."""
    held: deque[Drawn] = deque()
    since = FADE
    for one in frames:
        held.append(one)
        if len(held) == FADE:
            since = 0 if held[0].passed else since + 1
            yield _faded(held, since)
            held.popleft()
    while held:
        since = 0 if held[0].passed else since + 1
        yield _faded(held, since)
        held.popleft()


def _faded(held: deque[Drawn], since: int) -> Frame:
    """The first frame. held: with those after it; since: frames from the last one before it that passed"""
    first = held[0]
    away = min([since, *(k for k, one in enumerate(held) if one.passed)])
    if away == 0 or away >= FADE or first.own is None:
        return first.frame
    return mix(first.own(), first.frame, away / FADE)
