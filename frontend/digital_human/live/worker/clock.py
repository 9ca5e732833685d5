"""When each picture and its sound go out: one clock for both.

Frame k of a session is due k / fps after its beginning. At most `MOST_AHEAD` frames wait for their time. An
interruption drops them; the next frame then follows the last one that went out.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

from digital_human.core.frame import Frame

MOST_AHEAD = 3
"""Frames beyond the one shown."""
LATE = 0.5
"""Of a frame's duration: a picture that goes out later than this after its time counts as late."""
PATIENCE = 1.0
"""Seconds behind its time from which the clock waits: the picture was held, and nothing is made up for."""

Place = TypeVar("Place")


@dataclass(frozen=True)
class Picture(Generic[Place]):
    """One frame to go out. frame: None where only the sound goes out

    pcm:       s16le, its sound
    utterance: 0 where nobody speaks
    index:     of the frame in its utterance
    began:     `time.monotonic` of the first sound of the utterance
    after:     where drawing continues behind it
    """

    frame: Frame | None
    pcm: bytes
    utterance: int
    index: int
    is_last: bool
    began: float
    after: Place


class Clock(Generic[Place]):
    """Frames between the thread that draws them and the one that sends them.

    changed:    notified when frames come or go
    generation: raised by an interruption; frames of an earlier one are dropped wherever they are
    behind:     seconds by which the last frame went out after its time
    last:       the place behind the last frame that went out; drawing continues there after an interruption
    """

    def __init__(self, fps: Fraction, start: Place) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.generation = 0
        self.last = start
        self.late = 0
        self.held = 0.0
        self.behind = 0.0
        self.is_closed = False
        self._period = float(1 / fps)
        self._waiting: deque[Picture[Place]] = deque()
        self._next = 0
        self._start = time.monotonic()

    def __len__(self) -> int:
        return len(self._waiting)

    def restart(self) -> None:
        """The next frame is due now."""
        self._start = time.monotonic() - self._next * self._period

    def until_due(self, ahead: int = 0) -> float:
        """Seconds until the frame after those that wait is due, and `ahead` further ones; negative if it is late."""
        return self._start + (self._next + len(self._waiting) + ahead) * self._period - time.monotonic()

    def put(self, pictures: list[Picture[Place]], generation: int) -> bool:
        """Add frames; False if they belong to an earlier generation."""
        with self.changed:
            if generation != self.generation:
                return False
            self._waiting.extend(pictures)
            self.changed.notify_all()
            return True

    def interrupt(self) -> int:
        """Drop the frames that wait; return the new generation."""
        with self.changed:
            self.generation += 1
            self._waiting.clear()
            self.changed.notify_all()
            return self.generation

    def close(self) -> None:
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()

    def run(self, send: Callable[[Picture[Place], int], None], on_hold: Callable[[], None]) -> None:
        """Send each frame at its time, with its number, until the clock is closed. `changed` is held meanwhile.

        on_hold: called once each time the picture stands still for longer than PATIENCE
        """
        while True:
            with self.changed:
                if (found := self._take(on_hold)) is None:
                    return
                send(*found)

    def _take(self, on_hold: Callable[[], None]) -> tuple[Picture[Place], int] | None:
        has_told = False
        while not self.is_closed:
            wait = self._start + self._next * self._period - time.monotonic()
            if self._waiting and wait <= 0:
                picture, index = self._waiting.popleft(), self._next
                self._next += 1
                self.last = picture.after
                self.behind = -wait
                if -wait > PATIENCE:
                    self.held += -wait
                    self._start -= wait
                elif -wait > LATE * self._period and picture.frame is not None:
                    self.late += 1
                self.changed.notify_all()
                return picture, index
            if not self._waiting and -wait > PATIENCE and not has_told:
                has_told = True
                on_hold()
            self.changed.wait(wait if self._waiting else 0.1)
        return None
