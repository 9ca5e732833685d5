"""The template's frames to and fro for ever, decoded a few ahead of those that are shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from digital_human.core.alpha import over_colour
from digital_human.core.concurrency import prefetch
from digital_human.core.frame import Frame
from digital_human.core.looping import loop_frames
from digital_human.media import VideoReader

DECODED_AHEAD, KEPT = 8, 16
"""Frames that are decoded before they are asked for, and those that stay afterwards: pictures at rest are drawn up to
eight steps before their time, and an interruption goes back by those that wait."""


class TemplateFrames:
    """Frames by step: step s shows template frame `pose(s)`. Steps may go back by a few."""

    def __init__(self, reader: VideoReader, count: int) -> None:
        self._reader, self._count = reader, count
        self._first, self._kept = 0, deque[Frame]()
        self._following = prefetch(self._forever(), DECODED_AHEAD, "decode")

    def pose(self, step: int) -> int:
        phase = step % max(2 * self._count - 2, 1)
        return min(phase, 2 * self._count - 2 - phase)

    def poses(self, start: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([self.pose(start + k) for k in range(count)], np.int64)

    def frame(self, step: int) -> Frame:
        """Raises BadInputError where the template is damaged."""
        while step >= self._first + len(self._kept):
            self._kept.append(next(self._following))
            if len(self._kept) > KEPT:
                self._kept.popleft()
                self._first += 1
        return self._kept[step - self._first]

    def close(self) -> None:
        self._following.close()

    def _forever(self) -> Iterator[Frame]:
        period = loop_frames(self._count, max(2 * self._count - 2, 1))
        while True:
            yield from map(over_colour, self._reader.play(period))
