"""H.264 by an NVIDIA card's own codecs, where FFmpeg and the driver offer them.

Each is tried once a process, with one frame. Where that fails the processor does the work, as it does without a card;
the log says why.
"""

from __future__ import annotations

import io
import logging
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

log = logging.getLogger(__name__)

NVENC, X264 = "h264_nvenc", "libx264"
"""FFmpeg's names of the encoders."""
SIDES = range(160, 4097)
"""Widths and heights that every generation of NVENC takes."""
_SIDE = 256
_refused: list[str] = []
"""Encoders that worked once and then failed."""


def encoder() -> str:
    """The encoder to use: NVENC if it has encoded a frame and not failed since, else x264."""
    return X264 if _refused or not _nvenc_works() else NVENC


def refuse(error: Exception) -> None:
    """Encode with x264 from now on, in this process: the card gave up in mid-work."""
    log.warning("NVENC failed (%s): x264 encodes from now on", error)
    _refused.append(NVENC)


@cache
def decoder() -> HWAccel | None:
    """What makes `av.open` decode with NVDEC where that knows the codec; None if it has not decoded a frame."""
    try:
        with av.open(_encode(X264), hwaccel=HWAccel("cuda", allow_software_fallback=False)) as container:
            assert isinstance(container, InputContainer)
            next(container.decode(video=0))
    except (av.FFmpegError, ValueError, NotImplementedError) as error:
        _tell("NVDEC", "the processor decodes", error)
        return None
    log.info("NVDEC decodes")
    return HWAccel("cuda", allow_software_fallback=True)


def card_seen() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*"))


@cache
def _nvenc_works() -> bool:
    try:
        _encode(NVENC)
    except (av.FFmpegError, ValueError) as error:
        _tell("NVENC", "x264 encodes", error)
        return False
    log.info("NVENC encodes")
    return True


def _encode(codec: str) -> io.BytesIO:
    """A file of one grey frame."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = _SIDE
        stream.pix_fmt = "yuv420p"
        grey = VideoFrame.from_ndarray(np.full((_SIDE * 3 // 2, _SIDE), 128, np.uint8), format="yuv420p")
        container.mux([*stream.encode(grey), *stream.encode(None)])
    file.seek(0)
    return file


def _tell(codec: str, instead: str, error: Exception) -> None:
    # Without a card this is as expected, and each job's process would say so.
    level = logging.WARNING if card_seen() else logging.DEBUG
    log.log(level, "%s cannot be used (%s): %s", codec, error, instead)
