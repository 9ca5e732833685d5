"""Encodes frames, as H.264 unless their alpha channel is to be kept."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from digital_human.core.cpus import usable_processors
from digital_human.core.frame import Frame
from digital_human.errors import OutputError
from digital_human.files.atomic import SAVE_PATH, disk_errors, sync
from digital_human.media import encode_alpha, hardware
from digital_human.media.encode_alpha import MUXERS, Codec
from digital_human.media.video_info import VideoInfo

_MOST_THREADS = 8
"""Of x264. Each holds its own frames: 20 MB at 1920x1080."""
_LOOKAHEAD = "lookahead-threads=2"
"""With one lookahead thread x264 decides differently: a talking head at 1920x1080 grew by 12 % and lost 0.5 dB."""


@dataclass(frozen=True)
class EncoderSettings:
    """preset, crf: x264's preset and constant rate factor; audio_bitrate: AAC, bits per second of two channels

    hardware: use NVENC where it works, with `crf` as its constant quality
    """

    preset: str = "superfast"
    crf: int = 18
    audio_bitrate: int = 160_000
    hardware: bool = False


def write_segment(
    path: Path,
    frames: Iterable[Frame],
    info: VideoInfo,
    settings: EncoderSettings,
    what: str = SAVE_PATH,
    codec: Codec = "h264",
) -> None:
    """Encode frames without audio, as a segment for `digital_human.media.mux` to join with others.

    A segment begins with a key frame and refers to nothing outside it. It is complete at `path` or not there.
    Raises OutputError, which names `what`.
    """
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with disk_errors(what), muxer(part, MUXERS[codec]) as output:
            video = _video_stream(output, info, settings, codec)
            for index, frame in enumerate(frames):
                picture = picture_of(frame) if codec == "h264" else encode_alpha.picture_of(frame, codec)
                picture.pts = index
                picture.time_base = 1 / info.fps
                tag(picture, info)
                output.mux(_encoded(video, picture, what))
            output.mux(_encoded(video, None, what))
        with disk_errors(what):
            part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def muxer(path: Path, kind: str, flags: str = "") -> Iterator[OutputContainer]:
    """Open a container for writing and sync it to the disk at the end.

    kind: FFmpeg's name of the muxer; flags: its `movflags`
    """
    container = av.open(str(path), "w", format=kind, options={"movflags": flags} if flags else {})
    try:
        yield container
    except BaseException:
        # A broken file needs no trailer, and writing it may fail like the file.
        with suppress(av.FFmpegError, OSError):
            container.close()
        raise
    container.close()
    sync(path)


def _video_stream(output: OutputContainer, info: VideoInfo, settings: EncoderSettings, codec: Codec) -> VideoStream:
    if codec == "h264":
        stream = _h264_stream(output, info, settings)
    else:
        stream = encode_alpha.add_stream(output, codec, info, settings.crf)
    context = stream.codec_context
    context.time_base = 1 / info.fps
    context.colorspace = info.tags.space
    context.color_primaries = info.tags.primaries
    context.color_trc = info.tags.transfer
    context.color_range = 1
    return stream


def _h264_stream(output: OutputContainer, info: VideoInfo, settings: EncoderSettings) -> VideoStream:
    fits = info.width in hardware.SIDES and info.height in hardware.SIDES
    encoder = hardware.encoder() if settings.hardware and fits else hardware.X264
    stream = output.add_stream(encoder, rate=info.fps)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = info.width, info.height
    stream.pix_fmt = "yuv420p"
    if encoder == hardware.X264:
        stream.options = {"preset": settings.preset, "crf": str(settings.crf), "x264-params": _LOOKAHEAD}
        # PyAV's default, slice threads, wait for one another, and slices cost bytes.
        stream.thread_type = "FRAME"
        stream.thread_count = min(usable_processors(), _MOST_THREADS)
    else:
        stream.options = {"preset": "p4", "rc": "vbr", "cq": str(settings.crf), "b": "0"}
    return stream


def _encoded(stream: VideoStream, picture: VideoFrame | None, what: str) -> list[Packet[VideoStream]]:
    try:
        return stream.encode(picture)
    except av.FFmpegError as error:
        if stream.codec_context.codec.name != hardware.NVENC:
            if isinstance(error, av.ExternalError):
                # x264 reports a lack of memory as an unspecified external error.
                raise MemoryError("x264 failed") from error
            raise
        hardware.give_up_nvenc(error)
        raise OutputError("encoder_failed", field=what, transient=True) from error


def picture_of(frame: Frame) -> VideoFrame:
    """The picture to encode. It may share the memory of the frame."""
    # When PyAV shares the buffer, it computes the rows of chroma as height // 4, which is wrong for other heights.
    if frame.height % 4:
        return VideoFrame.from_ndarray(frame.data, format="yuv420p")
    return VideoFrame.from_numpy_buffer(frame.data, format="yuv420p")


def tag(picture: VideoFrame, info: VideoInfo) -> None:
    """Tag a picture with the colours of the template."""
    picture.colorspace = info.tags.space
    picture.color_primaries = info.tags.primaries
    picture.color_trc = info.tags.transfer
    picture.color_range = 1
