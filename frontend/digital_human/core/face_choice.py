"""Which of several people in a template speaks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FacePoint:
    """The face at a place of the picture.

    x, y: fractions of the picture, from its left and from its top
    time: seconds from the template's beginning
    """

    x: float
    y: float
    time: float = 0.0

    @property
    def is_in_picture(self) -> bool:
        """Whether x and y lie within 0-1, and the time is neither negative nor infinite."""
        return 0 <= self.x <= 1 and 0 <= self.y <= 1 and 0 <= self.time < math.inf


FaceChoice = Literal["auto", "largest"] | FacePoint
"""auto: the largest and most central face at the start; largest: the largest, wherever it is"""


def parse_choice(text: str) -> FaceChoice:
    """`auto`, `largest`, `X,Y` or `X,Y,TIME`. Raises ValueError for anything else."""
    if text == "auto":
        return "auto"
    if text == "largest":
        return "largest"
    parts = [float(part) for part in text.split(",")]
    if len(parts) not in (2, 3):
        raise ValueError(text)
    return FacePoint(*parts)


def choice_key(choice: FaceChoice) -> str:
    """The part of a stored template's key that stands for the choice; empty for `auto`, as in earlier versions."""
    if isinstance(choice, FacePoint):
        return f"-face-{choice.x:.4f}-{choice.y:.4f}-{choice.time:.3f}"
    return "" if choice == "auto" else f"-{choice}"
