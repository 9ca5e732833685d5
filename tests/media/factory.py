"""Media files for tests, written with PyAV. The level of grey of a picture is its number."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from digital_human.core.frame import Frame, crop, yuv_to_rgb


def grey(index: int) -> int:
    return 20 + (index * 7) % 200


def write_clip(
    path: Path,
    pictures: list[npt.NDArray[Any]],
    fps: Fraction = Fraction(25),
    times: list[float] | None = None,
    pix_fmt: str = "yuv420p",
    codec: str = "libx264",
    rotation: int = 0,
    aspect: Fraction | None = None,
    tags: tuple[int, int, int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """RGB pictures [H, W, 3] as a lossless-ish clip; `times` in seconds makes the rate variable."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.options = dict(options) if options is not None else {"crf": "4", "preset": "ultrafast"}
        tick = Fraction(1, 12800) if times else 1 / fps
        stream.codec_context.time_base = tick
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if tags:
            context = stream.codec_context
            context.colorspace, context.color_primaries, context.color_trc = tags
        if rotation:
            stream.set_display_rotation(rotation)
        for index, picture in enumerate(pictures):
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            moment = times[index] if times else float(index / fps)
            frame.pts, frame.time_base = round(moment / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def greys(count: int, height: int = 64, width: int = 96) -> list[npt.NDArray[Any]]:
    return [np.full((height, width, 3), grey(k), np.uint8) for k in range(count)]


def write_sound(path: Path, samples: npt.NDArray[Any], rate: int, codec: str = "pcm_s16le") -> Path:
    """float32 [channels, samples], +-1."""
    with av.open(str(path), "w") as container:
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        kind = "s16" if codec in ("pcm_s16le", "flac", "libopus") else "fltp"
        data = samples.astype(np.float32)
        if kind == "s16":
            data = (samples.T.reshape(1, -1) * 32767).astype(np.int16)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(data), format=kind, layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def click(seconds: float, at: float, rate: int, channels: int = 1) -> npt.NDArray[Any]:
    """Silence with one short burst that starts at `at` seconds."""
    sound = np.zeros((channels, int(seconds * rate)), np.float32)
    start = int(at * rate)
    sound[:, start : start + rate // 100] = 0.8 * np.sin(np.arange(rate // 100) * 0.9)
    return sound


def leaping(path: Path, seconds: int) -> Path:
    """The MP4, which has B-frames, with the display time of one picture put off by `seconds`; its header stays."""
    # By its list of edits the picture would be left out.
    data = bytearray(path.read_bytes().replace(b"edts", b"free"))
    entries = data.index(b"ctts") + 12
    (scale,) = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)
    struct.pack_into(">I", data, entries + 8 * 4 + 4, seconds * scale)
    path.write_bytes(data)
    return path


def write_float_wav(path: Path, samples: npt.NDArray[Any], rate: int) -> Path:
    """float32 [samples or channels, samples], of any value, at any rate."""
    data = np.atleast_2d(samples).astype("<f4")
    channels, raw = len(data), data.T.tobytes()
    fields = (16, 3, channels, rate, rate * channels * 4, channels * 4, 32)
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", *fields) + b"data" + struct.pack("<I", len(raw))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(raw)) + head + raw)
    return path


def moving(count: int) -> list[npt.NDArray[Any]]:
    """Pictures that move, so that each is predicted from others and differs from all."""
    still = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    return [np.roll(cv2.GaussianBlur(still, (0, 0), 2), k, axis=1) for k in range(count)]


def rgb(frame: Frame) -> npt.NDArray[Any]:
    return yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix)
