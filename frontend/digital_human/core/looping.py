"""The template frame under each output frame, also where the speech is longer than the template."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Loop = Literal["ping-pong", "repeat", "hold"]
LOOPS: tuple[Loop, ...] = get_args(Loop)


def loop_frames(count: int, length: int, loop: Loop = "ping-pong") -> npt.NDArray[np.int64]:
    """Indices of template frames, int64 [length]. The template has `count` frames, at least one.

    ping-pong   forth and back; neither end is shown twice in a row, so nothing jumps
    repeat      from the start again, for templates whose end matches their start
    hold        once, then the last frame stays
    """
    steps = np.arange(length)
    if loop == "repeat":
        return steps % count
    if loop == "hold":
        return np.minimum(steps, count - 1)
    phase = steps % max(2 * count - 2, 1)
    return np.minimum(phase, 2 * count - 2 - phase) if count > 1 else phase
