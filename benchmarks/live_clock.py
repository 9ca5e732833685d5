"""Hours of a live session's clock in seconds: do pictures, sound and the time on the wall part?

The session's own clock and its count of samples run on simulated time, with utterances of any length and pauses
between them. No picture is drawn.
"""

from __future__ import annotations

import random
from collections import deque
from fractions import Fraction
from types import SimpleNamespace
from unittest import mock

from digital_human.live.worker import clock as module
from digital_human.live.worker.clock import MOST_AHEAD, Clock, Picture
from digital_human.live.worker.sound import SoundTrack, samples_until


class _Time:
    """Passes when somebody waits. late: seconds by which a wait may end after its time"""

    def __init__(self, late: float) -> None:
        self.now, self._late, self._random = 0.0, late, random.Random(0)

    def wait(self, seconds: float) -> bool:
        self.now += max(seconds, 0.0) + self._random.random() * self._late
        return True


def drift(rate: int, fps: Fraction, hours: float) -> dict[str, float]:
    """Largest distances in seconds: of the sound from its pictures, and of both from the wall's time."""
    time, chance = _Time(late=0.005), random.Random(1)
    track, worst, wall = SoundTrack(rate, fps), 0.0, 0.0
    frames: deque[int] = deque()
    with mock.patch.object(module, "time", SimpleNamespace(monotonic=lambda: time.now)):
        clock: Clock[int] = Clock(fps, 0)
        clock.changed.wait = lambda timeout=None: time.wait(timeout or 0.0)  # type: ignore[method-assign]

        def fill() -> None:
            # An utterance of up to six seconds, frame by frame as `Speech` makes them, then a pause of up to three.
            while len(clock) < MOST_AHEAD:
                if not frames:
                    frames.extend(
                        [*range(1, chance.randrange(2, int(6 * fps))), *[0] * chance.randrange(1, int(3 * fps))]
                    )
                k = frames.popleft()
                pcm = bytes(2 * (samples_until(k, rate, fps) - samples_until(k - 1, rate, fps))) if k else b""
                clock.put([Picture(None, pcm, 0, 0, False, 0.0, 0)], 0)

        def send(picture: Picture[int], index: int) -> None:
            nonlocal worst, wall
            track.add(picture.pcm or track.silence(index))
            timestamp = int(index * 1_000_000 / fps) / 1e6
            worst = max(worst, abs(track.samples / rate - float((index + 1) / fps)))
            wall = max(wall, abs(time.now - timestamp))
            fill()
            if timestamp >= hours * 3600:
                clock.close()

        clock.restart()
        fill()
        clock.run(send, lambda: None)
    return {"sound_from_pictures": round(worst, 5), "both_from_the_wall": round(wall, 5)}
