"""Decodes speech for the models and audio for the output from any container."""

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
from digital_human.media.container import open_media, require_decoder

_RATES = (1000, 768_000)
"""Range of accepted sample rates, Hz. Resampling from 1 Hz would never end."""
_FLOATING = ("flt", "fltp", "dbl", "dblp")
_LOUDEST = 1e5
"""Largest accepted magnitude over full scale. Some recordings hold 16-bit numbers as floats."""


def read_speech(path: Path, field: str = "audio_path", max_seconds: float = math.inf) -> Float32:
    """Decode speech: float32 [samples], 16 kHz mono, +-1. The encoder delay is skipped, as players do.

    Raises BadInputError if the file cannot be read, holds no audio, or is longer than `max_seconds`. If the header says
    so truly, nothing is decoded.
    """
    if reaches(path, max_seconds, field):
        raise BadInputError("speech_too_long", field=field, seconds=max_seconds)
    chunks, left = [], max_seconds * SPEECH_RATE
    for chunk in decode_audio(path, SPEECH_RATE, "mono", field):
        chunks.append(chunk)
        left -= chunk.shape[1]
        if left < 0:
            raise BadInputError("speech_too_long", field=field, seconds=max_seconds)
    samples = np.concatenate(chunks, axis=1)[0] if chunks else np.zeros(0, np.float32)
    if len(samples) == 0:
        raise BadInputError("no_sound", field=field)
    return np.ascontiguousarray(samples)


def audio_duration(samples: Float32) -> Fraction:
    """Seconds of 16 kHz speech."""
    return Fraction(len(samples), SPEECH_RATE)


def reaches(path: Path, seconds: float, field: str = "audio_path") -> bool:
    """Whether the audio is longer than `seconds` by the header, and there is a packet at that position.

    The headers of recordings that were streamed or cut off may state far too much.
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


def decode_audio(path: Path, rate: int, layout: str, field: str = "audio_path") -> Iterator[Float32]:
    """Chunks of float32 [channels, samples] at `rate` Hz in `layout` ("mono" or "stereo").

    Raises BadInputError, also for samples such as NaN and for sample rates that no audio has.
    """
    with open_media(path, field) as container:
        resampler, kind = None, None
        for frame in container.decode(_audio_stream(container, field)):
            _require_sound(frame, field)
            if kind != (frame.format.name, frame.layout.name, frame.sample_rate):
                # Concatenated recordings may change rate or layout in the middle.
                yield from _resampled(resampler, None)
                resampler = AudioResampler(format="fltp", layout=layout, rate=rate)
                kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            frame.pts = None  # otherwise gaps in the time stamps would reach the encoder
            yield from _resampled(resampler, frame)
        yield from _resampled(resampler, None)


def _resampled(resampler: AudioResampler | None, frame: AudioFrame | None) -> Iterator[Float32]:
    """The resampled frame; for None, the samples that the resampler still holds."""
    for piece in resampler.resample(frame) if resampler is not None else ():
        yield piece.to_ndarray().astype(np.float32, copy=False)


def output_format(path: Path, field: str = "audio_path") -> tuple[int, str]:
    """Sample rate and layout of the output's audio: the source's where AAC supports them, at most two channels."""
    with open_media(path, field) as container:
        stream = _audio_stream(container, field)
        rate = stream.rate if stream.rate in (16000, 22050, 24000, 32000, 44100, 48000) else 48000
        return rate, "mono" if stream.channels == 1 else "stereo"


def _audio_stream(container: InputContainer, field: str) -> AudioStream:
    if not container.streams.audio:
        raise BadInputError("no_audio_stream", field=field)
    stream = container.streams.audio[0]
    require_decoder(stream, field)
    return stream


def _require_sound(frame: AudioFrame, field: str) -> None:
    """Raises BadInputError for a rate that no sound has, and for samples that no encoder takes."""
    if not _RATES[0] <= frame.sample_rate <= _RATES[1]:
        raise BadInputError("sample_rate_unusable", field=field, rate=frame.sample_rate)
    if frame.format.name not in _FLOATING:
        return
    # The maximum of an array with NaN is NaN, and every comparison with NaN is false.
    if not np.abs(frame.to_ndarray()).max(initial=0.0) < _LOUDEST:
        raise BadInputError("samples_unusable", field=field)
