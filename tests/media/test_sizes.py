"""Frames of every even size keep each byte of each plane, from the decoder to the encoder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from digital_human.core.frame import Frame, Uint8
from digital_human.media import EncoderSettings, VideoInfo, VideoReader, write_segment
from digital_human.media.video_info import ColourTags

LOSSLESS = EncoderSettings(preset="ultrafast", crf=0)
PHONES = [
    (480, 854),
    (854, 480),
    (750, 1334),
    (1334, 750),
    (640, 1136),
    (828, 1792),
    (720, 1280),
    (590, 590),
    (512, 394),
]
EVEN = range(16, 67, 2)


def planes(width: int, height: int) -> list[Uint8]:
    random = np.random.default_rng(width * 1000 + height)
    shapes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
    return [random.integers(16, 236, shape, np.uint8) for shape in shapes]


def read_planes(picture: VideoFrame) -> list[Uint8]:
    """Straight from FFmpeg's own memory, row by row."""
    return [
        np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        for plane in picture.planes
    ]


def encoded(path: Path, given: list[Uint8]) -> Path:
    """A lossless file of one picture, written without any code of the service."""
    height, width = given[0].shape
    picture = VideoFrame(width, height, "yuv420p")
    for plane, values in zip(picture.planes, given, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = values
        plane.update(rows.tobytes())
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "0", "preset": "ultrafast"}
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def check(width: int, height: int, folder: Path) -> None:
    given = planes(width, height)
    (frame,) = list(VideoReader(encoded(folder / "in.mp4", given)).frames())[:1]
    for found, wanted in zip(frame.planes, given, strict=True):
        assert np.array_equal(found, wanted), f"read at {width}x{height}"
    info = VideoInfo(width, height, Fraction(25), ColourTags(), still=False)
    write_segment(folder / "out.mp4", [Frame(frame.data.copy(), frame.matrix)], info, LOSSLESS)
    with av.open(str(folder / "out.mp4")) as container:
        (picture,) = list(container.decode(video=0))
    for found, wanted in zip(read_planes(picture), given, strict=True):
        assert np.array_equal(found, wanted), f"written at {width}x{height}"


@pytest.mark.parametrize("height", EVEN)
def test_planes_keep_their_bytes_at_every_even_size(height: int, tmp_path: Path) -> None:
    for width in EVEN:
        check(width, height, tmp_path)


@pytest.mark.parametrize(("width", "height"), PHONES)
def test_planes_keep_their_bytes_at_sizes_of_phones_and_crops(width: int, height: int, tmp_path: Path) -> None:
    check(width, height, tmp_path)
