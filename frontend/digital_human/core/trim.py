"""The part of a template that is used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Trim:
    """start, end: seconds from the template's beginning; None for its end"""

    start: float = 0.0
    end: float | None = None

    @property
    def is_sound(self) -> bool:
        """Whether the start is not negative, and the end is finite and comes after it."""
        return 0 <= self.start < (math.inf if self.end is None else self.end) and self.end != math.inf

    def frames(self, fps: Fraction) -> tuple[int, int | None]:
        """The first frame, and the one after the last; None for the template's end. There is one at least."""
        first = round(self.start * fps)
        return first, None if self.end is None else max(round(self.end * fps), first + 1)

    def holds(self, time: float) -> bool:
        return self.start <= time and (self.end is None or time < self.end)


def parse_trim(text: str) -> Trim:
    """`START`, `START,END` or `,END`. Raises ValueError for anything else."""
    start, comma, end = text.partition(",")
    if not start and not end:
        raise ValueError(text)
    return Trim(float(start or 0), float(end) if comma and end else None)


def trim_key(trim: Trim | None, fps: Fraction) -> str:
    """The part of a stored template's key that stands for the trim; empty for the whole template."""
    if trim is None:
        return ""
    first, stop = trim.frames(fps)
    return f"-trim-{first}-{'end' if stop is None else stop}"
