"""The speech of a session: utterances as their sound comes, heard by a thread ahead of the frames that are drawn."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from digital_human.engines.live import Cue, Listener, LiveMouth
from digital_human.errors import UnavailableError
from digital_human.live.worker.sound import samples_until
from digital_human.media.live import SpeechResampler

log = logging.getLogger(__name__)

FIRST_WAIT = 0.22
"""Seconds from the first sound to the first frame where it comes as it is spoken: later frames are then in time."""
JITTER_STEP, MOST_JITTER = 0.04, 0.2
"""Seconds that are added to the wait of a session whose speech came late, and their limit."""
AHEAD_OF_TIME = 0.3
"""Seconds of sound ahead of real time from which nothing is waited for: it is made faster than it is spoken."""
HEARD_AHEAD = 12
"""Frames that are heard before they are drawn, at most: drawing goes first."""
LATE_SECONDS = 0.6
"""Without further sound for so long, an utterance has ended, whether or not its client said so."""


@dataclass(frozen=True)
class SpeechFrame:
    """One frame of an utterance. pcm: s16le, its sound; began: `time.monotonic` of the utterance's first sound"""

    utterance: int
    index: int
    cue: Cue
    pcm: bytes
    is_last: bool
    began: float


@dataclass(eq=False)
class _Utterance:
    number: int
    began: float
    first_chunk: int
    touched: float
    pcm: bytearray = field(default_factory=bytearray)
    cues: list[Cue] = field(default_factory=list)
    taken: int = 0
    has_ended: bool = False
    is_heard: bool = False


class Speech:
    """Thread-safe; `run` is the thread that hears. `changed` is notified when there may be new frames."""

    def __init__(self, mouth: LiveMouth, rate: int, fps: Fraction, changed: threading.Condition) -> None:
        self._mouth, self._rate, self._fps, self._changed = mouth, rate, fps, changed
        self._utterances: deque[_Utterance] = deque()
        self._numbers, self._unfinished = 0, list[int]()
        self._jitter, self._is_late = 0.0, False
        self._heard: queue.SimpleQueue[tuple[_Utterance, bytes | None]] = queue.SimpleQueue()

    def push(self, pcm: bytes) -> None:
        """The next sound, s16le, whole samples."""
        now = time.monotonic()
        with self._changed:
            if not self._utterances or self._utterances[-1].has_ended:
                self._numbers += 1
                self._utterances.append(_Utterance(self._numbers, now, len(pcm), now))
                self._unfinished.append(self._numbers)
            last = self._utterances[-1]
            last.pcm += pcm
            last.touched = now
        self._heard.put((last, pcm))

    def flush(self) -> None:
        """The utterance has ended."""
        with self._changed:
            if self._utterances and not self._utterances[-1].has_ended:
                self._end(self._utterances[-1])

    def interrupt(self) -> list[int]:
        """Forget everything that was not taken yet; return the numbers of the utterances that have not finished."""
        with self._changed:
            unfinished, self._unfinished = self._unfinished, []
            self._utterances.clear()
            self._changed.notify_all()
            return unfinished

    def finished(self, number: int) -> None:
        """The last frame of an utterance has gone out."""
        with self._changed:
            self._unfinished.remove(number)

    @property
    def is_waiting(self) -> bool:
        """Whether there is an utterance that has not been taken to its end."""
        return bool(self._utterances)

    @property
    def is_underway(self) -> bool:
        """Whether an utterance has begun and goes on."""
        return bool(self._utterances) and self._utterances[0].taken > 0

    def take(self, most: int) -> list[SpeechFrame]:
        """The next frames of the first utterance, as far as they are heard. To be called with `changed` held."""
        if not self._utterances:
            return []
        first, now = self._utterances[0], time.monotonic()
        if not first.has_ended and now - first.touched > LATE_SECONDS:
            self._end(first)
        if not first.taken and not self._may_begin(first, now):
            return []
        count = min(len(first.cues) - first.taken, most)
        frames = [self._frame(first, first.taken + k) for k in range(count)]
        first.taken += count
        self._is_late = self._is_late and not count
        if first.is_heard and first.taken >= len(first.cues):
            self._utterances.popleft()
        return frames

    def came_late(self) -> None:
        """Speech was not there in time, for one frame or for many in a row: wait longer before the next utterance."""
        if not self._is_late:
            self._is_late = True
            self._jitter = min(self._jitter + JITTER_STEP, MOST_JITTER)

    def _end(self, utterance: _Utterance) -> None:
        utterance.has_ended = True
        self._heard.put((utterance, None))

    def _may_begin(self, utterance: _Utterance, now: float) -> bool:
        if not utterance.cues:
            return False
        elapsed, per_second = now - utterance.began, 2 * self._rate
        ahead = (len(utterance.pcm) - utterance.first_chunk) / per_second - elapsed
        return (
            utterance.has_ended
            or elapsed >= FIRST_WAIT + self._jitter
            or ahead >= AHEAD_OF_TIME
            or utterance.first_chunk / per_second >= 2 * AHEAD_OF_TIME
        )

    def _frame(self, utterance: _Utterance, index: int) -> SpeechFrame:
        start, end = (samples_until(k, self._rate, self._fps) for k in (index, index + 1))
        pcm = bytes(utterance.pcm[2 * start : 2 * end])
        pcm += bytes(2 * (end - start) - len(pcm))
        is_last = utterance.is_heard and index + 1 == len(utterance.cues)
        return SpeechFrame(utterance.number, index, utterance.cues[index], pcm, is_last, utterance.began)

    def run(self) -> None:
        """Hear utterances, one after another, for ever. Raises what hearing raises, except while Triton is away."""
        current: _Utterance | None = None
        listener: Listener | None = None
        resampler, piece = SpeechResampler(self._rate), 2 * max(self._rate // 25, 1)
        while True:
            utterance, pcm = self._heard.get()
            if utterance is not current or listener is None:
                current, listener, resampler = utterance, self._mouth.listener(), SpeechResampler(self._rate)
            pieces = [None] if pcm is None else [pcm[k : k + piece] for k in range(0, len(pcm), piece)]
            for part in pieces:
                if not self._wait_to_hear(utterance):
                    break
                cues = self._hear(listener, resampler, part)
                with self._changed:
                    utterance.cues += cues
                    if part is None:
                        utterance.is_heard = True
                        self._complete(utterance)
                    self._changed.notify_all()

    def _wait_to_hear(self, utterance: _Utterance) -> bool:
        """Wait until the utterance is heard no further than HEARD_AHEAD. False if it was interrupted."""
        with self._changed:
            while utterance in self._utterances:
                if len(utterance.cues) - utterance.taken < HEARD_AHEAD:
                    return True
                self._changed.wait()
        return False

    def _hear(self, listener: Listener, resampler: SpeechResampler, pcm: bytes | None) -> list[Cue]:
        samples = resampler.end() if pcm is None else resampler.push(pcm)
        cues: list[Cue] = []
        while True:
            try:
                cues += listener.hear(samples)
                return cues + (listener.end() if pcm is None else [])
            except UnavailableError as error:
                # The samples are with the listener already.
                log.warning("the speech waits for Triton: %s", error)
                samples = np.zeros(0, np.float32)

    def _complete(self, utterance: _Utterance) -> None:
        """Resampling may have made the speech a frame shorter or longer; its sound counts."""
        count = math.ceil(Fraction(len(utterance.pcm) // 2, self._rate) * self._fps)
        # One frame is left to be the last.
        count = max(count, utterance.taken + 1)
        utterance.cues += [self._mouth.rest] * (count - len(utterance.cues))
        del utterance.cues[count:]
