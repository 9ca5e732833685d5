"""The pieces in which frames are tracked, and frames that are held."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from digital_human.core.frame import Frame

STRIDE = 8
CHUNK = 2 * STRIDE
"""Frames from one key frame to the next, and of a chunk."""


def without_holds(frames: Iterable[Frame], counts: deque[int]) -> Iterator[Frame]:
    """Yield the frames, of one that is held (the same object in succession) the first CHUNK only.

    counts: receives the number of frames that each yielded frame stands for, before it is yielded
    Short holds, such as cameras leave, are tracked frame by frame as in the tracks that are stored already.
    """
    last: Frame | None = None
    length, count = 0, 0
    for frame in frames:
        length = length + 1 if frame is last else 1
        if length > CHUNK:
            count += 1
            continue
        if last is not None:
            counts.append(count)
            yield last
        last, count = frame, 1
    if last is not None:
        counts.append(count)
        yield last
