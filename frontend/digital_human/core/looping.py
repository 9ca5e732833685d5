"""Which template frames are shown when the speech lasts longer than the template."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Loop = Literal["ping-pong", "repeat", "hold"]
LOOPS: tuple[Loop, ...] = get_args(Loop)


def loop_frames(count: int, length: int, loop: Loop = "ping-pong") -> npt.NDArray[np.int64]:
    """The template frame under each of `length` output frames, int64 [length]; the template has `count`, at least one.

    ping-pong   to and fro, never showing an end twice in a row: no jump
    repeat      from the start again: for templates whose end meets their start
    hold        once, then the last frame stays
    """
    walked = np.arange(length)
    if loop == "repeat":
        return walked % count
    if loop == "hold":
        return np.minimum(walked, count - 1)
    phase = walked % max(2 * count - 2, 1)
    return np.minimum(phase, 2 * count - 2 - phase) if count > 1 else phase
