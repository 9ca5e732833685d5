"""A part of a template is used as if there were nothing else."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.core.trim import Trim
from digital_human.errors import BadInputError
from digital_human.media import VideoReader
from tests.live_service import Live
from tests.media.factory import grey, greys, write_clip
from tests.result.made import frames_of, make, refused, shown


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 greys at 25 fps."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", greys(50), options={"crf": "4", "g": "8"})


def numbers(frames: list[Frame]) -> list[int]:
    levels = np.array([16 + grey(k) * 219 / 255 for k in range(50)])
    return [int(np.abs(levels - frame.planes[0].mean()).argmin()) for frame in frames]


@pytest.mark.parametrize(
    ("trim", "first", "stop"),
    [(Trim(1.0, 1.4), 25, 35), (Trim(1.9), 48, 50), (Trim(0, 0.001), 0, 1), (Trim(0.4), 10, 50)],
)
def test_only_the_part_is_read_in_every_order(clip: Path, trim: Trim, first: int, stop: int) -> None:
    reader = VideoReader(clip, trim=trim)
    assert reader.info.length_hint == stop - first
    assert numbers(list(reader.frames())) == [*range(first, stop)]
    assert numbers([reader.first_frame()]) == [first]
    fresh = VideoReader(clip, trim=trim)
    backwards = np.arange(stop - first)[::-1]
    assert numbers(list(fresh.play(backwards))) == [*range(first, stop)][::-1]


@pytest.mark.parametrize("trim", [Trim(2.0), Trim(0, 2.2), Trim(1, 3)])
def test_a_part_that_is_not_there_is_refused(clip: Path, trim: Trim) -> None:
    with pytest.raises(BadInputError, match="the template, which is 2 s long"):
        VideoReader(clip, trim=trim)


def test_a_result_shows_the_part_forth_and_back(plain: Live) -> None:
    template = frames_of(plain.base / "template.mkv")
    path, task = make(plain, trim={"start": 1, "end": 1.4}, face="largest")
    expected = [25 + min(k % 18, 18 - k % 18) for k in range(40)]
    assert shown(frames_of(path), template) == expected
    assert Fraction(task["result"]["fps"]) == 25 and task["result"]["frames"] == 40
    # The whole template is another one in the store, and so is the part for another choice of face.
    for options, known in (
        ({"trim": {"start": 1, "end": 1.4}, "face": "largest"}, True),
        ({"trim": {"start": 1, "end": 1.4}}, False),
    ):
        assert make(plain, **options)[1]["result"]["template_cached"] is known


@pytest.mark.parametrize(
    ("trim", "error"),
    [
        ({"start": 3}, "trim_beyond_end"),
        ({"start": 1, "end": 5}, "trim_beyond_end"),
        ({"start": 2, "end": 1}, "trim_empty"),
        ({"start": -1}, "field_invalid"),
        ({"begin": 1}, "field_invalid"),
        ("1-2", "field_invalid"),
    ],
)
def test_what_is_no_part_is_refused(plain: Live, trim: object, error: str) -> None:
    status, name, message = refused(plain, trim=trim)
    assert (status, name) == (400, error) and message.startswith("trim")


def test_a_face_must_be_pointed_at_within_the_part(plain: Live) -> None:
    face = {"x": 0.5, "y": 0.5}
    assert refused(plain, trim={"start": 1}, face=face)[:2] == (400, "face_outside_trim")
    make(plain, trim={"start": 1, "end": 1.2}, face={**face, "time": 1.1})
