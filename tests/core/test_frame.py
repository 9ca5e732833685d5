"""Colour conversion, and regions that are cut out and put back."""

import os
import subprocess
import sys

import numpy as np
import pytest

from digital_human.core.frame import (
    Frame,
    Matrix,
    crop,
    crop_yuv,
    from_yuv,
    insert_yuv,
    paste,
    rgb_to_yuv,
    warp_rgb,
    yuv_to_rgb,
)


def noise(height: int = 64, width: int = 96) -> Frame:
    return Frame(np.random.default_rng(0).integers(16, 235, (height * 3 // 2, width), np.uint8), "bt709")


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_colours_come_back(matrix: Matrix) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    assert np.abs(yuv_to_rgb(rgb_to_yuv(rgb, matrix), matrix).astype(int) - rgb).max() <= 2


def test_known_colours() -> None:
    colours = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8)
    assert rgb_to_yuv(colours, "bt709").tolist() == [[[235, 128, 128], [16, 128, 128], [63, 102, 240]]]
    assert rgb_to_yuv(colours, "bt601").tolist() == [[[235, 128, 128], [16, 128, 128], [81, 90, 240]]]


@pytest.mark.parametrize(("x", "y"), [(8, 4), (-10, -6), (70, 50), (200, 200)])
def test_pasting_what_was_cropped_changes_no_byte(x: int, y: int) -> None:
    frame = noise()
    copy = frame.copy()
    region = crop(copy, x, y, 32, 24)
    paste(copy, region, region.copy(), x, y)
    assert region.shape == (24, 32, 3)
    assert np.array_equal(copy.data, frame.data)


@pytest.mark.parametrize(("x", "y"), [(8, 4), (-10, -6), (70, 50), (200, 200), (-40, 0)])
def test_a_region_is_laid_back_where_it_was_cut(x: int, y: int) -> None:
    frame = noise()
    copy = frame.copy()
    region = crop_yuv(copy, x, y, 32, 24)
    insert_yuv(copy, region, x, y)
    assert np.array_equal(copy.data, frame.data)
    region.data[:] = 5
    insert_yuv(copy, region, x, y)
    for plane, step in zip(copy.planes, (1, 2, 2), strict=True):
        rows, columns = np.indices(plane.shape) * step
        inside = (columns >= x) & (columns < x + 32) & (rows >= y) & (rows < y + 24)
        assert np.array_equal(plane == 5, inside)


def test_full_chroma_becomes_a_frame() -> None:
    frame = from_yuv(np.tile(np.array([80, 100, 160], np.uint8), (6, 8, 1)), "bt709")
    assert [np.unique(plane).tolist() for plane in frame.planes] == [[80], [100], [160]]
    assert (frame.height, frame.width) == (6, 8)


def test_only_changed_blocks_are_written() -> None:
    frame = noise()
    copy = frame.copy()
    before = crop(copy, 16, 16, 32, 32)
    after = before.copy()
    after[8:12, 8:12] = (200, 90, 160)
    paste(copy, before, after, 16, 16)
    changed = [np.argwhere(a != b) for a, b in zip(copy.planes, frame.planes, strict=True)]
    assert changed[0].min() >= 24 and changed[0].max() < 28
    for plane in changed[1:]:
        assert plane.min() >= 12 and plane.max() < 14
    assert np.abs(crop(copy, 24, 24, 4, 4)[..., 0].astype(int) - 200).max() == 0


def test_warp_sees_the_right_pixels() -> None:
    rgb = np.zeros((64, 96, 3), np.uint8)
    rgb[20:40, 30:60] = (200, 30, 40)
    yuv = rgb_to_yuv(rgb, "bt709")
    data = np.concatenate([yuv[..., 0].ravel(), yuv[::2, ::2, 1].ravel(), yuv[::2, ::2, 2].ravel()])
    frame = Frame(data.reshape(96, 96), "bt709")
    seen = warp_rgb(frame, np.array([[2.0, 0, -60], [0, 2.0, -40]]), 40)
    assert np.abs(seen[4:-4, 4:-4].astype(int) - (200, 30, 40)).max() <= 3


def test_pictures_are_worked_on_by_one_thread_each() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENCV", "OPENBLAS"))}
    code = "import digital_human, cv2; print(cv2.getNumThreads())"
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "1\n"
