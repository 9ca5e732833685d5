"""Frames of any form become upright, even-sized I420 of square pixels."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from digital_human.media import VideoReader, probe_video
from tests.media.factory import greys, rgb, write_clip


def test_rotation_metadata_is_applied(tmp_path: Path) -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = (250, 40, 40)
    for rotation, corner in ((90, (-1, 0)), (180, (-1, -1)), (270, (0, -1))):
        path = write_clip(tmp_path / f"{rotation}.mp4", [picture] * 4, rotation=rotation)
        with av.open(str(path)) as container:
            turn = next(container.decode(video=0)).rotation
        assert turn % 360 == rotation, "the test's own file must carry the rotation"
        frame = next(VideoReader(path).frames())
        upright = rgb(frame)
        # Counter-clockwise by `rotation`, as FFmpeg defines the display matrix.
        expected = np.rot90(picture, rotation // 90)
        assert upright.shape == expected.shape
        assert np.abs(upright.astype(int) - expected).mean() < 6
        assert upright[corner][0] > 150


def test_odd_size_is_padded_to_even_without_resampling(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(30, 220, (33, 51, 1), np.uint8).repeat(3, 2)
    path = write_clip(tmp_path / "a.mkv", [picture] * 2, pix_fmt="yuv444p", options={"qp": "0"})
    frame = next(VideoReader(path).frames())
    assert (frame.width, frame.height) == (52, 34)
    inner = rgb(frame)[:33, :51, 1].astype(int)
    assert np.abs(inner - picture[..., 1]).max() <= 3


def test_non_square_pixels_are_made_square(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", greys(3, 64, 48), aspect=Fraction(2))
    assert probe_video(path)[0].width == 96
    assert next(VideoReader(path).frames()).width == 96


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuvj420p", "yuv444p", "yuv422p"])
def test_colour_survives_every_pixel_format(tmp_path: Path, pix_fmt: str) -> None:
    card = np.zeros((64, 96, 3), np.uint8)
    for k, colour in enumerate(
        [(200, 60, 50), (60, 180, 70), (50, 70, 190), (230, 230, 230), (20, 20, 20), (128, 128, 128)]
    ):
        card[:, k * 16 : k * 16 + 16] = colour
    path = write_clip(tmp_path / "a.mkv", [card] * 2, pix_fmt=pix_fmt, options={"crf": "1"})
    seen = rgb(next(VideoReader(path).frames())).astype(int)
    centres = np.s_[16:48:16, 8::16]
    assert np.abs(seen[centres] - card[centres]).max() <= 6


def test_a_picture_is_a_template_of_one_frame(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "webp"):
        path = tmp_path / f"still.{suffix}"
        cv2.imwrite(str(path), np.full((65, 97, 3), 90, np.uint8))
        reader = VideoReader(path)
        frames = list(reader.frames())
        assert reader.info.still
        assert len(frames) == 1
        assert abs(int(rgb(frames[0]).mean()) - 90) <= 2


def test_a_large_jpeg_is_one_picture_whatever_its_name(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (400, 600, 3), np.uint8)
    for name in ("still.jpg", "still.jpeg", "still"):
        (tmp_path / name).write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
        assert VideoReader(tmp_path / name).info.still
