"""Speech for the networks and sound for the output, decoded from any container."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from digital_human.core.frame import Float32
from digital_human.core.types import SPEECH_RATE
from digital_human.errors import BadInputError
from digital_human.media.container import open_media

_RATES = (1000, 768_000)
"""Sample rates that are taken, in Hz. Resampling from a rate of 1 Hz takes for ever."""
_FLOATING = ("flt", "fltp", "dbl", "dblp")
_LOUDEST = 1e5
"""Times full scale, 100 dB: past all recordings, also those that hold 16-bit numbers as floats."""


def read_speech(path: Path, field: str = "audio_path", max_seconds: float = math.inf) -> Float32:
    """float32 [samples], 16 kHz mono, +-1. The encoder's own delay is skipped, as players do.

    Raises BadInputError where the file cannot be read, holds no audio stream or no sound, or is longer than
    `max_seconds`; where its header says so truly, before anything is decoded.
    """
    if reaches(path, max_seconds, field):
        raise BadInputError(f"{field}: the speech is longer than {max_seconds:g} s")
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


def reaches(path: Path, seconds: float, field: str = "audio_path") -> bool:
    """Whether the header says that the sound is longer than this, and there is sound at that place.

    Headers of recordings that were streamed or cut off may promise far more than there is.
    """
    with open_media(path, field) as container:
        stream = _audio_stream(container, field)
        length = Fraction(container.duration or 0, av.time_base)
        if stream.duration is not None and stream.time_base is not None:
            length = stream.duration * stream.time_base
        if stream.time_base is None or length <= seconds:
            return False
        limit = (stream.start_time or 0) + int(seconds / stream.time_base)
        try:
            container.seek(limit, stream=stream, backward=False, any_frame=True)
            packet = next(container.demux(stream), None)
        except av.FFmpegError:
            return False
        return packet is not None and packet.size > 0 and packet.pts is not None and packet.pts >= limit


def decode(path: Path, rate: int, layout: str, field: str = "audio_path") -> Iterator[Float32]:
    """Chunks of float32 [channels, samples] at `rate` Hz in `layout` ("mono" or "stereo").

    Raises BadInputError also for samples that are no sound, such as NaN, and for rates that no sound has.
    """
    with open_media(path, field) as container:
        resampler, kind = None, None
        for frame in container.decode(_audio_stream(container, field)):
            _require_sound(frame, field)
            if kind != (frame.format.name, frame.layout.name, frame.sample_rate):
                # Joined recordings change their rate or layout on the way.
                yield from _resampled(resampler, None)
                resampler = AudioResampler(format="fltp", layout=layout, rate=rate)
                kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            frame.pts = None  # gaps in the time stamps would otherwise be passed on to the encoder
            yield from _resampled(resampler, frame)
        yield from _resampled(resampler, None)


def _resampled(resampler: AudioResampler | None, frame: AudioFrame | None) -> Iterator[Float32]:
    """What the resampler makes of a frame, or with None still holds."""
    for piece in resampler.resample(frame) if resampler is not None else ():
        yield piece.to_ndarray().astype(np.float32, copy=False)


def sound_format(path: Path, field: str = "audio_path") -> tuple[int, str]:
    """Rate and layout for the output's sound: the source's own where AAC takes it, at most two channels."""
    with open_media(path, field) as container:
        stream = _audio_stream(container, field)
        rate = stream.rate if stream.rate in (16000, 22050, 24000, 32000, 44100, 48000) else 48000
        return rate, "mono" if stream.channels == 1 else "stereo"


def _audio_stream(container: InputContainer, field: str) -> AudioStream:
    if not container.streams.audio:
        raise BadInputError(f"{field}: holds no audio stream")
    return container.streams.audio[0]


def _require_sound(frame: AudioFrame, field: str) -> None:
    """Raises BadInputError for a rate that no sound has, and for samples that no encoder takes."""
    if not _RATES[0] <= frame.sample_rate <= _RATES[1]:
        raise BadInputError(f"{field}: a sample rate of {frame.sample_rate} Hz cannot be used")
    if frame.format.name not in _FLOATING:
        return
    # The largest of numbers that include NaN is NaN, which is not below anything.
    if not np.abs(frame.to_ndarray()).max(initial=0.0) < _LOUDEST:
        raise BadInputError(f"{field}: holds samples that are no sound: not a number, or far beyond full scale")
