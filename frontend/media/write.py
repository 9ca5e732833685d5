"""H.264 and AAC into MP4, complete or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from frontend.errors import BadInput, OutputFailed
from frontend.frames import Float32, Frame
from frontend.media.audio import decode, sound_format
from frontend.media.video_info import VideoInfo

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Output suffix -> FFmpeg's muxer."""


@dataclass(frozen=True)
class EncoderSettings:
    """x264's preset and constant rate factor; AAC's bits per second and channel pair."""

    preset: str = "veryfast"
    crf: int = 18
    audio_bitrate: int = 160_000


def write_video(
    path: Path,
    frames: Iterable[Frame],
    info: VideoInfo,
    sound: Path,
    frame_count: int,
    settings: EncoderSettings | None = None,
) -> None:
    """Encode `frame_count` frames with the sound of `sound`, cut or padded to the same length.

    The file appears at `path` when it is whole. Raises OutputFailed where it cannot be written; nothing is left behind
    then, nor when `frames` raises.
    """
    settings = settings or EncoderSettings()
    rate, layout = sound_format(sound)
    with published(path) as part, _muxer(part, CONTAINERS[path.suffix.lower()]) as output:
        video = _video_stream(output, info, settings)
        audio = output.add_stream("aac", rate=rate, layout=layout)
        assert isinstance(audio, AudioStream)
        audio.bit_rate = settings.audio_bitrate if layout == "stereo" else settings.audio_bitrate // 2
        samples = _fitted(decode(sound, rate, layout), round(frame_count * rate / info.fps), layout)
        sent = 0
        for index, frame in enumerate(frames):
            picture = VideoFrame.from_ndarray(frame.data, format="yuv420p")
            picture.pts = index
            picture.time_base = 1 / info.fps
            _tag(picture, info)
            output.mux(video.encode(picture))
            while sent * info.fps < (index + 1) * rate:
                chunk = next(samples, None)
                if chunk is None:
                    break
                sent += _send(output, audio, chunk, sent, rate, layout)
        for chunk in samples:
            sent += _send(output, audio, chunk, sent, rate, layout)
        output.mux(video.encode(None))
        output.mux(audio.encode(None))


@contextmanager
def published(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and is gone when it does not."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise OutputFailed(f"save_path: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def _muxer(path: Path, kind: str) -> Iterator[OutputContainer]:
    options = {"movflags": "+faststart"} if kind in ("mp4", "mov") else {}
    container = av.open(str(path), "w", format=kind, options=options)
    try:
        yield container
    except BaseException:
        # The trailer of a broken file is of no use, and writing it may fail as the file did.
        with suppress(av.FFmpegError, OSError):
            container.close()
        raise
    container.close()


def _video_stream(output: OutputContainer, info: VideoInfo, settings: EncoderSettings) -> VideoStream:
    stream = output.add_stream("libx264", rate=info.fps)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = info.width, info.height
    stream.pix_fmt = "yuv420p"
    stream.options = {"preset": settings.preset, "crf": str(settings.crf)}
    context = stream.codec_context
    context.time_base = 1 / info.fps
    context.colorspace = info.tags.space
    context.color_primaries = info.tags.primaries
    context.color_trc = info.tags.transfer
    context.color_range = 1
    return stream


def _tag(picture: VideoFrame, info: VideoInfo) -> None:
    picture.colorspace = info.tags.space
    picture.color_primaries = info.tags.primaries
    picture.color_trc = info.tags.transfer
    picture.color_range = 1


def _fitted(chunks: Iterator[Float32], length: int, layout: str) -> Iterator[Float32]:
    """The chunks cut to `length` samples, or followed by silence up to it."""
    left = length
    for chunk in chunks:
        if left <= 0:
            return
        yield chunk[:, :left]
        left -= min(left, chunk.shape[1])
    if left > 0:
        yield np.zeros((1 if layout == "mono" else 2, left), np.float32)


def _send(output: OutputContainer, stream: AudioStream, chunk: Float32, sent: int, rate: int, layout: str) -> int:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(chunk), format="fltp", layout=layout)
    frame.sample_rate = rate
    frame.pts = sent
    frame.time_base = Fraction(1, rate)
    output.mux(stream.encode(frame))
    return int(chunk.shape[1])


def check_suffix(path: Path, field: str = "save_path") -> None:
    """Raises BadInput where no container goes with the suffix."""
    if path.suffix.lower() not in CONTAINERS:
        raise BadInput(f"{field}: must end in one of {', '.join(CONTAINERS)}")
