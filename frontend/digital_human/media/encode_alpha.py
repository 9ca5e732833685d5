"""Encodes frames whose alpha channel is kept: ProRes 4444 for `.mov`, VP9 for `.webm`."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from digital_human.core.cpus import usable_processors
from digital_human.core.frame import Frame
from digital_human.media.planes import plane_of
from digital_human.media.video_info import VideoInfo

Codec = Literal["h264", "prores", "vp9"]
MUXERS: dict[Codec, str] = {"h264": "mp4", "prores": "mov", "vp9": "webm"}
"""FFmpeg's muxers for segments."""
_MOST_THREADS = 8
_SOFTER = 8
"""By how much VP9's scale of quality is above x264's for about the same look."""
_FROM_8_BIT = np.rint(np.arange(256) * 1023 / 255).astype(np.uint16)


def codec_for(suffix: str, alpha: bool) -> Codec:
    """The codec of a result. alpha: its frames have an alpha channel that is to be kept"""
    if suffix.lower() == ".webm":
        return "vp9"
    return "prores" if alpha and holds_alpha(suffix) else "h264"


def holds_alpha(suffix: str) -> bool:
    """Whether a result of this suffix can hold an alpha channel."""
    return suffix.lower() in (".mov", ".webm")


def add_stream(output: OutputContainer, codec: Codec, info: VideoInfo, crf: int) -> VideoStream:
    """A stream for pictures of `picture_of`. crf: as of x264; ProRes has its own rate"""
    threads = min(usable_processors(), _MOST_THREADS)
    if codec == "prores":
        stream = output.add_stream("prores_ks", rate=info.fps)
        assert isinstance(stream, VideoStream)
        stream.pix_fmt = "yuva444p10le"
        stream.options = {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}
        stream.thread_type = "SLICE"
    else:
        stream = output.add_stream("libvpx-vp9", rate=info.fps)
        assert isinstance(stream, VideoStream)
        stream.pix_fmt = "yuva420p" if info.alpha else "yuv420p"
        quality = {"crf": str(min(crf + _SOFTER, 63)), "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"}
        # libvpx encodes no alpha channel beside alternate reference frames.
        stream.options = {**quality, "auto-alt-ref": "0"} if info.alpha else {**quality}
        if info.alpha:
            stream.metadata["alpha_mode"] = "1"
    stream.thread_count = threads
    stream.width, stream.height = info.width, info.height
    return stream


def picture_of(frame: Frame, codec: Codec) -> VideoFrame:
    """The picture to encode."""
    if codec == "prores":
        return _deep_picture(frame)
    kind = "yuv420p" if frame.alpha is None else "yuva420p"
    picture = VideoFrame(frame.width, frame.height, kind)
    planes = [*frame.planes] if frame.alpha is None else [*frame.planes, frame.alpha]
    for index, plane in enumerate(planes):
        plane_of(picture, index, np.uint8)[...] = plane
    return picture


def _deep_picture(frame: Frame) -> VideoFrame:
    """Of full chroma and 10 bit."""
    picture = VideoFrame(frame.width, frame.height, "yuva444p10le")
    luma, *chroma = frame.planes
    size = frame.width, frame.height
    planes: list[npt.NDArray[np.generic]] = [luma.astype(np.uint16) << 2]
    for plane in chroma:
        large = cv2.resize(plane.astype(np.uint16) << 2, size, interpolation=cv2.INTER_LINEAR)
        planes.append(np.asarray(large))
    opaque = np.full((frame.height, frame.width), 1023, np.uint16)
    planes.append(opaque if frame.alpha is None else _FROM_8_BIT[frame.alpha])
    for index, plane_ in enumerate(planes):
        plane_of(picture, index, np.uint16)[...] = plane_
    return picture
