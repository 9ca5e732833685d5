"""AAC of a live session's sound, packet by packet."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

RATE = 48_000
"""Hz, which every receiver takes."""
BIT_RATE = 96_000
_FRAME = 1024
_GAP = 0.1
"""Seconds of sound that may be missing before silence takes their place."""


class AacEncoder:
    """Mono. rate: Hz of what comes in"""

    def __init__(self, rate: int) -> None:
        self._rate, self._given = rate, 0
        self._resampler = AudioResampler(format="fltp", layout="mono", rate=RATE, frame_size=_FRAME)
        context = av.CodecContext.create("aac", "w")
        context.sample_rate, context.layout, context.format = RATE, "mono", "fltp"
        context.bit_rate, context.time_base = BIT_RATE, Fraction(1, RATE)
        context.open()
        self._context = context

    @property
    def config(self) -> bytes:
        """AudioSpecificConfig."""
        return self._context.extradata or b""

    def encode(self, pcm: bytes, at: float) -> Iterator[tuple[float, bytes]]:
        """Packets, with the seconds at which each begins. pcm: s16le; at: seconds at which it begins"""
        missing = round(at * self._rate) - self._given
        if missing > _GAP * self._rate:
            yield from self._encoded(np.zeros(missing, np.int16))
        yield from self._encoded(np.frombuffer(pcm, "<i2"))

    def _encoded(self, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> Iterator[tuple[float, bytes]]:
        if not len(samples):
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._given
        self._given += len(samples)
        for piece in self._resampler.resample(frame):
            for packet in self._context.encode(piece):
                # What comes before the beginning is the encoder's own.
                if packet.pts is not None and packet.time_base is not None and packet.pts >= 0:
                    yield float(packet.pts * packet.time_base), bytes(packet)
