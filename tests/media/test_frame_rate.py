"""A recording with gaps is read at the rate of its grid: every picture once, and again only where one is missing."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.media import VideoReader
from tests.media.factory import greys, write_clip

LEVEL = 4
"""Of grey, from one picture to the next."""


def gappy(path: Path, fps: int, missing: set[int], jitter: float = 0.0, count: int = 60) -> tuple[Path, list[int]]:
    """A clip at `fps` without the pictures of some instants, and the picture that each instant shows."""
    random = np.random.default_rng(1)
    there = [k for k in range(count) if k not in missing]
    times = [max(k / fps + float(random.uniform(-jitter, jitter)), 0.0) for k in there]
    shown = [max(i for i, k in enumerate(there) if k <= instant) for instant in range(there[-1] + 1)]
    return write_clip(path, [np.full((64, 96, 3), LEVEL * k, np.uint8) for k in range(len(there))], times=times), shown


def numbers(frames: Iterable[Frame]) -> list[int]:
    """Which of the pictures that `gappy` writes each frame shows."""
    luma = (float(frame.planes[0].mean()) for frame in frames)
    return [round((value - 16) * 255 / 219 / LEVEL) for value in luma]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("fps", [15, 30, 60])
def test_each_picture_is_kept_and_repeated_only_in_a_gap(fps: int, suffix: str, tmp_path: Path) -> None:
    missing = {k for k in range(60) if k % 3 == 2 and k < 45}
    path, shown = gappy(tmp_path / f"a{suffix}", fps, missing)
    reader = VideoReader(path)
    assert reader.info.fps == fps and reader.info.gaps
    assert numbers(reader.frames()) == shown


def test_a_phones_clock_that_wavers_is_still_its_grid(tmp_path: Path) -> None:
    path, shown = gappy(tmp_path / "a.mp4", 30, set(range(10, 40, 4)), jitter=0.004)
    reader = VideoReader(path)
    assert abs(reader.info.fps - 30) < 0.05  # two seconds of it do not tell 30 from 29.97
    assert numbers(reader.frames()) == shown


def test_a_stretch_is_read_from_its_start(tmp_path: Path) -> None:
    path, shown = gappy(tmp_path / "a.mp4", 30, {3, 4, 20, 33, 34, 35, 50, 51})
    assert numbers(VideoReader(path).frames(25)) == shown[25:]


def test_a_rate_without_a_grid_stays_an_average(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    times = np.cumsum(random.uniform(0.02, 0.09, 40)).tolist()
    assert not VideoReader(write_clip(tmp_path / "a.mkv", greys(40), times=times)).info.gaps


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(50)])
def test_a_constant_rate_is_kept(fps: Fraction, tmp_path: Path) -> None:
    info = VideoReader(write_clip(tmp_path / "a.mp4", greys(30), fps)).info
    assert info.fps == fps and not info.gaps
