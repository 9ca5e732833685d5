"""Marks lie where they are promised, in their own colour, and change nothing else."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from digital_human.core.frame import Frame, crop, yuv_to_rgb
from digital_human.errors import BadInputError
from digital_human.media import VideoInfo
from digital_human.media.video_info import ColourTags
from digital_human.pipeline.overlay import DIGITAL_HUMAN_MARK, apply_overlays, load_overlay

INFO = VideoInfo(320, 240, Fraction(25), ColourTags(1, 1, 1), still=False)


def frame() -> Frame:
    return Frame(np.full((360, 320), 128, np.uint8), "bt709")


def changed(after: Frame) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(after.planes[0] != 128)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_watermark_is_ten_pixels_from_the_lower_right_corner(tmp_path: Path) -> None:
    mark = tmp_path / "mark.png"
    cv2.imwrite(str(mark), np.full((21, 41, 3), (40, 60, 220), np.uint8))
    after = apply_overlays(frame(), [load_overlay(mark, "bottom right", INFO)])
    assert changed(after) == (320 - 10 - 41, 240 - 10 - 21, 310, 230)
    rgb = yuv_to_rgb(crop(after, 280, 210, 20, 10), "bt709").astype(int)
    assert np.abs(rgb - (220, 60, 40)).max() <= 3


def test_digital_human_mark_is_ten_pixels_from_the_upper_right_corner() -> None:
    before = frame()
    after = apply_overlays(before, [load_overlay(DIGITAL_HUMAN_MARK, "top right", INFO, 0.06)])
    _, top, right, bottom = changed(after)
    assert (top, right) == (10, 310)
    assert bottom - top >= 0.05 * 240
    assert (before.data == 128).all(), "the frame given is left alone"


def test_no_overlay_costs_no_copy() -> None:
    before = frame()
    assert apply_overlays(before, []) is before


def test_an_unreadable_picture_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "mark.png").write_text("no picture")
    with pytest.raises(BadInputError, match=r"mark\.png"):
        load_overlay(tmp_path / "mark.png", "top right", INFO)
