"""A piece of a text as it was spoken."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from digital_human.core.frame import Float32, Float64


@dataclass(frozen=True)
class Phones:
    """The phones of a piece, without its sound.

    letters: phones and their signs; '' where the speaker does not tell
    times:   float64 [letters, 2], start and end of each, seconds from the beginning of the piece
    seconds: of the piece
    """

    letters: str
    times: Float64
    seconds: float


@dataclass(frozen=True)
class Said:
    """audio:   float32 [samples] at the speaker's rate, within +-1

    letters, times: see `Phones`
    """

    audio: Float32
    letters: str = ""
    times: Float64 = field(default_factory=lambda: np.zeros((0, 2)))

    def phones(self, rate: int) -> Phones:
        """rate: samples a second"""
        return Phones(self.letters, self.times, len(self.audio) / rate)

    def cut(self, start: int, stop: int, rate: int) -> Said:
        """A part of the sound. What lies outside it has no length."""
        times = (self.times - start / rate).clip(0, max(stop - start, 0) / rate)
        return Said(self.audio[start:stop], self.letters, times)

    def followed_by(self, other: Said, rate: int) -> Said:
        """The two in one. rate: samples a second"""
        times = np.concatenate([self.times, other.times + len(self.audio) / rate])
        return Said(np.concatenate([self.audio, other.audio]), self.letters + other.letters, times)
