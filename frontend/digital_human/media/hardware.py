"""H.264 on an NVIDIA GPU (NVENC, NVDEC), where FFmpeg and the driver support it.

Each codec is tried once per process, with one frame. If that fails the CPU does the work, and the log says why.
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


def give_up_nvenc(error: Exception) -> None:
    """Encode with x264 from now on in this process, because NVENC failed in the middle of a file."""
    log.warning("NVENC failed (%s): x264 encodes from now on", error)
    _refused.append(NVENC)


@cache
def decoder() -> HWAccel | None:
    """The `hwaccel` of `av.open` for NVDEC, with the CPU for other codecs; None if NVDEC does not work."""
    try:
        with av.open(_encode(X264), hwaccel=HWAccel("cuda", allow_software_fallback=False)) as container:
            assert isinstance(container, InputContainer)
            next(container.decode(video=0))
    except (av.FFmpegError, ValueError, NotImplementedError) as error:
        _log_unusable("NVDEC", "the processor decodes", error)
        return None
    log.info("NVDEC decodes")
    return HWAccel("cuda", allow_software_fallback=True)


def has_nvidia_device() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*"))


@cache
def _nvenc_works() -> bool:
    try:
        _encode(NVENC)
    except (av.FFmpegError, ValueError) as error:
        _log_unusable("NVENC", "x264 encodes", error)
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


def _log_unusable(codec: str, instead: str, error: Exception) -> None:
    # Expected without a GPU; every worker process would repeat it.
    level = logging.WARNING if has_nvidia_device() else logging.DEBUG
    log.log(level, "%s cannot be used (%s): %s", codec, error, instead)
