"""Speech for the networks and sound for the output, decoded from any container."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.audio.resampler import AudioResampler

from digital_human.core.frame import Float32
from digital_human.core.types import SPEECH_RATE
from digital_human.errors import BadInputError
from digital_human.media.container import open_media


def read_speech(path: Path, field: str = "audio_path", max_seconds: float = math.inf) -> Float32:
    """float32 [samples], 16 kHz mono, +-1. The encoder's own delay is skipped, as players do.

    Raises BadInputError where the file cannot be read, holds no audio stream or no sound, or as soon as it turns out to
    be longer than `max_seconds`.
    """
    chunks, left = [], max_seconds * SPEECH_RATE
    for chunk in decode(path, SPEECH_RATE, "mono", field):
        chunks.append(chunk)
        left -= chunk.shape[1]
        if left < 0:
            raise BadInputError(f"{field}: the speech is longer than {max_seconds:g} s")
    samples = np.concatenate(chunks, axis=1)[0] if chunks else np.zeros(0, np.float32)
    if len(samples) == 0:
        raise BadInputError(f"{field}: holds no sound")
    return np.ascontiguousarray(samples)


def audio_duration(samples: Float32) -> Fraction:
    """Seconds of 16 kHz speech."""
    return Fraction(len(samples), SPEECH_RATE)


def decode(path: Path, rate: int, layout: str, field: str = "audio_path") -> Iterator[Float32]:
    """Chunks of float32 [channels, samples] at `rate` Hz in `layout` ("mono" or "stereo")."""
    with open_media(path, field) as container:
        if not container.streams.audio:
            raise BadInputError(f"{field}: holds no audio stream")
        stream = container.streams.audio[0]
        resampler = AudioResampler(format="fltp", layout=layout, rate=rate)
        for frame in container.decode(stream):
            frame.pts = None  # gaps in the time stamps would otherwise be passed on to the encoder
            for piece in resampler.resample(frame):
                yield piece.to_ndarray().astype(np.float32, copy=False)
        for piece in resampler.resample(None):
            yield piece.to_ndarray().astype(np.float32, copy=False)


def sound_format(path: Path, field: str = "audio_path") -> tuple[int, str]:
    """Rate and layout for the output's sound: the source's own where AAC takes it, at most two channels."""
    with open_media(path, field) as container:
        if not container.streams.audio:
            raise BadInputError(f"{field}: holds no audio stream")
        stream = container.streams.audio[0]
        rate = stream.rate if stream.rate in (16000, 22050, 24000, 32000, 44100, 48000) else 48000
        return rate, "mono" if stream.channels == 1 else "stereo"
