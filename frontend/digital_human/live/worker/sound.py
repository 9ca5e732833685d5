"""Samples of sound, frame by frame, where a frame has no whole number of them."""

from __future__ import annotations

from fractions import Fraction


def samples_until(frame: int, rate: int, fps: Fraction) -> int:
    """Samples of the frames before this one."""
    return int(frame * rate / fps)


class SoundTrack:
    """Counts what goes out. An utterance begins with a sample of its own, so that it may have one more or less than its
    frames; the pause behind it makes that good, and the sound stays as long as the pictures for ever."""

    def __init__(self, rate: int, fps: Fraction) -> None:
        self._rate, self._fps = rate, fps
        self.samples = 0

    def add(self, pcm: bytes) -> None:
        """The sound of the next frame, s16le."""
        self.samples += len(pcm) // 2

    def silence(self, index: int) -> bytes:
        """A pause up to the end of this frame of the session."""
        return bytes(2 * max(samples_until(index + 1, self._rate, self._fps) - self.samples, 0))
