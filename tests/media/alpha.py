"""Clips with an alpha channel for tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

Kind = Literal["prores", "vp9", "qtrle", "hevc"]
_ENCODERS: dict[Kind, tuple[str, str, str, dict[str, str]]] = {
    "prores": ("mov", "prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "16"}),
    "vp9": ("webm", "libvpx-vp9", "yuva420p", {"lossless": "1", "cpu-used": "8", "auto-alt-ref": "0"}),
    "qtrle": ("mov", "qtrle", "argb", {}),
    "hevc": ("mov", "libx265", "yuva420p", {"x265-params": "lossless=1:log-level=error", "tag": "hvc1"}),
}


def write_alpha(folder: Path, pictures: list[npt.NDArray[Any]], kind: Kind = "vp9", name: str = "alpha") -> Path:
    """RGBA pictures, uint8 [H, W, 4], straight alpha, as a clip of 25 frames a second."""
    suffix, codec, pix_fmt, options = _ENCODERS[kind]
    path = folder / f"{name}.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.options = pix_fmt, {**options}
        if kind == "vp9":
            stream.metadata["alpha_mode"] = "1"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1
        for index, picture in enumerate(pictures):
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgba")
            frame = frame.reformat(format=pix_fmt, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
