"""Encodes sound while it is made, for callers who listen to it at once."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from digital_human.core.frame import Float32

SoundKind = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


@dataclass(frozen=True)
class _Format:
    """container, codec: FFmpeg's names; label: the container's field for a label that it has no field for"""

    media_type: str
    container: str = ""
    codec: str = ""
    options: tuple[tuple[str, str], ...] = ()
    label: str = ""


_FORMATS: Mapping[SoundKind, _Format] = {
    "mp3": _Format("audio/mpeg", "mp3", "libmp3lame"),
    "opus": _Format("audio/ogg", "ogg", "libopus"),
    "aac": _Format("audio/aac", "adts", "aac", (("write_id3v2", "1"),)),
    "flac": _Format("audio/flac", "flac", "flac"),
    "wav": _Format("audio/wav", "wav", "pcm_s16le", label="comment"),
    "pcm": _Format("audio/pcm"),
}
_BIT_RATE = 64_000


def media_type(kind: SoundKind) -> str:
    return _FORMATS[kind].media_type


def encode_sound(
    chunks: Iterable[Float32], rate: int, kind: SoundKind, metadata: Mapping[str, str]
) -> Generator[bytes, None, None]:
    """The file in pieces, each as soon as it is made.

    chunks:   float32 [samples], mono, within +-1
    metadata: for the container; `pcm`, bare 16-bit samples, has none
    """
    if kind == "pcm":
        yield from (to_pcm(chunk).tobytes() for chunk in chunks)
        return
    form, sink = _FORMATS[kind], _Sink()
    with av.open(sink, "w", format=form.container, options=dict(form.options)) as container:
        container.metadata.update(_labelled(metadata, form))
        stream = container.add_stream(form.codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        if form.codec.startswith("lib") or form.codec == "aac":
            stream.bit_rate = _BIT_RATE
        sent = 0
        for chunk in chunks:
            frame = AudioFrame.from_ndarray(to_pcm(chunk)[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, sent, Fraction(1, rate)
            sent += len(chunk)
            container.mux(stream.encode(frame))
            yield sink.taken()
        container.mux(stream.encode(None))
    yield sink.taken()


def to_pcm(chunk: Float32) -> npt.NDArray[np.int16]:
    """16-bit samples, little-endian."""
    return (np.clip(chunk, -1, 1) * 32767).round().astype("<i2")


def _labelled(metadata: Mapping[str, str], form: _Format) -> dict[str, str]:
    if not form.label:
        return dict(metadata)
    return {form.label: "; ".join(f"{name}={value}" for name, value in metadata.items())}


class _Sink:
    """What FFmpeg has written since it was asked last. It cannot go back in it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
