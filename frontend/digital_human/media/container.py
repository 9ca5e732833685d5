"""Opens untrusted media files: known formats only, no other file or URL, and errors that callers can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from digital_human.errors import BadInputError, OutOfMemoryError
from digital_human.media.alpha import has_alpha
from digital_human.media.decode import pictures_of
from digital_human.media.frame_rate import constant_rate, grid_rate
from digital_human.media.hdr_metadata import hdr_of
from digital_human.media.video_info import (
    SPACE_BT709,
    SPACE_RGB,
    ColourTags,
    VideoInfo,
)

# No playlist or script format (hls, concat, dash, image2): they read other files.
_FORMATS = ",".join(
    (
        *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "flv", "asf", "gif"),
        *("mpeg", "mpegts", "mpegvideo", "h264", "hevc", "m4v"),
        *("ogg", "wav", "w64", "mp3", "flac", "aac", "aiff", "caf", "amr"),
        *("png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe"),
    )
)
_SEEKABLE_FORMATS = ("mov", "matroska")
_STILL_FORMATS = ("png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe")
_STILL_FPS = Fraction(25)
_MAX_STREAMS = 32
MAX_PIXELS = 4096 * 2304
"""Of a template's picture, where the caller names no other limit."""


@contextmanager
def open_media(path: Path, field: str, hwaccel: HWAccel | None = None) -> Iterator[InputContainer]:
    """Open a file for demuxing. FFmpeg's errors in the block become a BadInputError that names `field`."""
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    try:
        with _without_name(path, field) as url, av.open(url, options=options, hwaccel=hwaccel) as container:
            if len(container.streams) > _MAX_STREAMS:
                raise BadInputError("too_many_streams", field=field, most=_MAX_STREAMS)
            yield container
    except (MemoryError, av.BlockingIOError) as error:
        # BlockingIOError: no decoder thread could be started, for want of memory for its stack.
        raise OutOfMemoryError("media_needs_memory", field=field) from error
    except (av.FFmpegError, EOFError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise BadInputError("media_unreadable", field=field, reason=reason) from error


@contextmanager
def _without_name(path: Path, field: str) -> Iterator[str]:
    """A URL by which FFmpeg tells the format from the content: `x.jpg` would be the first of a series of pictures."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadInputError("media_unreadable", field=field, reason=str(error.strerror)) from error
    with file:
        yield f"file:/proc/self/fd/{file.fileno()}"


def is_still(container: InputContainer) -> bool:
    return container.format.name in _STILL_FORMATS


def seeks_exactly(container: InputContainer) -> bool:
    """Whether the container has an index. Without one, a seek may land where the decoder lacks reference frames."""
    return container.format.name.split(",")[0] in _SEEKABLE_FORMATS


def probe_video(path: Path, field: str = "video_path", max_pixels: int = MAX_PIXELS) -> tuple[VideoInfo, VideoFrame]:
    """Read size, frame rate and colour of a template, from its header and first picture. Also returns that picture.

    Raises BadInputError where the file is no readable video, holds no video stream, is HDR of an unknown kind, or where
    its picture has more than `max_pixels`, as stored or with square pixels; that is checked before anything is decoded.
    """
    with open_media(path, field) as container:
        if not container.streams.video:
            raise BadInputError("no_video_stream", field=field)
        stream = container.streams.video[0]
        require_decoder(stream, field)
        limit_pixels(stream, max_pixels, field)
        first = next(pictures_of(container, stream), None)
        if first is None:
            raise BadInputError("no_decodable_frame", field=field)
        still = is_still(container)
        fps = _STILL_FPS if still else constant_rate(stream.average_rate, stream.guessed_rate)
        gaps = False
        if not still:
            grid = grid_rate(container, stream)
            if grid is not None and abs(grid - fps) > fps / 200:
                fps, gaps = grid, True
        seconds = Fraction(container.duration or 0, av.time_base)
        length = 1 if still else round(seconds * fps)
        info = info_of(first, fps, still, stream.sample_aspect_ratio, length, field)
        _require_few(info.width, info.height, max_pixels, field)
        return replace(info, gaps=gaps), first


def require_decoder(stream: VideoStream | AudioStream, field: str) -> None:
    """Raises BadInputError for a codec that FFmpeg does not know."""
    # PyAV's types do not say so.
    if stream.codec_context is None:
        raise BadInputError("codec_unknown", field=field)


def limit_pixels(stream: VideoStream, max_pixels: int, field: str) -> None:
    """Hold header and decoder to a size. Raises BadInputError where the header already says more."""
    width, height = stream.codec_context.width, stream.codec_context.height
    _require_few(width, height, max_pixels, field)
    # With a wide pixel aspect ratio, few columns become many square pixels.
    _require_few(round(width * (stream.sample_aspect_ratio or 1)), height, max_pixels, field)
    stream.codec_context.options = {"max_pixels": str(max_pixels)}


def _require_few(width: int, height: int, max_pixels: int, field: str) -> None:
    if width * height > max_pixels:
        raise BadInputError("picture_too_large", field=field, size=f"{width}x{height}", most=max_pixels)


def info_of(
    first: VideoFrame, fps: Fraction, still: bool, aspect: Fraction | None, length: int, field: str
) -> VideoInfo:
    hdr = hdr_of(first, field)
    width, height = first.width, first.height
    if aspect and aspect != 1:
        width = round(width * aspect)
    if first.rotation % 180 != 0:
        width, height = height, width
    if min(width, height) < 16 or max(width, height) > 16384:
        raise BadInputError("picture_size_unusable", field=field, size=f"{width}x{height}")
    space = int(first.colorspace)
    if space == SPACE_RGB or first.format.is_rgb or still or hdr is not None:
        tags = ColourTags(SPACE_BT709, SPACE_BT709, SPACE_BT709)
    else:
        tags = ColourTags(space, int(first.color_primaries), int(first.color_trc))
    return VideoInfo(width + width % 2, height + height % 2, fps, tags, still, length, hdr=hdr, alpha=has_alpha(first))
