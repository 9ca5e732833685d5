"""Whom the tracker follows where a template shows several people, and how many it saw."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.face_choice import FacePoint
from digital_human.core.frame import Frame, from_yuv, rgb_to_yuv
from digital_human.core.types import FaceTrack
from digital_human.errors import BadInputError, NoFaceError
from digital_human.tracking.seed import find_seed
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from tests.media.people import two_people

RATE = Fraction(25)
LEFT = FacePoint(0.25, 0.5)


def framed(pictures: list[npt.NDArray[Any]]) -> list[Frame]:
    return [from_yuv(rgb_to_yuv(picture, "bt601"), "bt601") for picture in pictures]


@pytest.fixture(scope="module")
def pictures(template_frames: list[Frame]) -> list[npt.NDArray[Any]]:
    return two_people(template_frames[:20])


def places(track: FaceTrack, width: int) -> npt.NDArray[Any]:
    """Where the face is from left to right, in fractions of the picture."""
    result: npt.NDArray[Any] = track.landmarks[..., 0].mean(1) / width
    return result


def test_the_nearer_person_is_followed_and_both_are_counted(
    pictures: list[npt.NDArray[Any]], models: TritonModels
) -> None:
    track = track_face(framed(pictures), models)
    assert track.present.all() and (places(track, 720) > 0.6).all()
    assert track.seen is not None and len(track.seen.boxes) == 2 and track.seen.driven == 1
    centres = track.seen.boxes[:, 0] + track.seen.boxes[:, 2] / 2
    assert np.allclose(centres, [0.24, 0.77], atol=0.05)


def test_a_point_chooses_the_other(pictures: list[npt.NDArray[Any]], models: TritonModels) -> None:
    frames = framed(pictures)
    track = track_face(frames, models, find_seed(frames, LEFT, RATE, models))
    assert track.present.all() and (places(track, 720) < 0.4).all()
    assert track.seen is not None and track.seen.driven == 0


def test_largest_counts_size_alone(pictures: list[npt.NDArray[Any]], models: TritonModels) -> None:
    """The farther person in the middle of the picture, the nearer one at its edge."""
    wide = framed([np.pad(picture, ((0, 0), (360, 0), (0, 0))) for picture in pictures[:3]])
    auto, largest = track_face(wide, models), track_face(wide, models, "largest")
    assert (places(auto, 1080) < 0.6).all() and (places(largest, 1080) > 0.7).all()


def test_who_is_pointed_at_late_is_followed_from_where_they_appear(
    pictures: list[npt.NDArray[Any]], models: TritonModels
) -> None:
    late = [picture.copy() for picture in pictures]
    for picture in late[:8]:
        picture[:, :360] = 90
    frames = framed(late)
    seed = find_seed(frames, FacePoint(0.25, 0.5, 0.76), RATE, models)
    assert seed.frame == 8
    track = track_face(frames, models, seed)
    assert track.present[8:].all() and (places(track, 720)[8:] < 0.4).all()


def test_a_person_pointed_at_after_a_cut_is_known_before_it(
    template_frames: list[Frame], pictures: list[npt.NDArray[Any]], models: TritonModels
) -> None:
    alone = [picture[:, :360] for picture in pictures[:10]]
    first = [np.pad(picture, ((0, 0), (360, 0), (0, 0)), constant_values=200) for picture in alone]
    frames = framed([*first, *pictures[10:]])
    track = track_face(frames, models, find_seed(frames, FacePoint(0.25, 0.5, 0.6), RATE, models))
    assert track.present.all()
    assert (places(track, 720)[:10] > 0.6).all() and (places(track, 720)[10:] < 0.4).all()


@pytest.mark.parametrize("point", [FacePoint(0.5, 0.02), FacePoint(0.02, 0.97)])
def test_a_point_at_nobody_is_refused(pictures: list[npt.NDArray[Any]], models: TritonModels, point: FacePoint) -> None:
    with pytest.raises(NoFaceError, match="face: no face was found at"):
        find_seed(framed(pictures[:1]), point, RATE, models)


def test_a_time_beyond_the_end_is_refused(pictures: list[npt.NDArray[Any]], models: TritonModels) -> None:
    with pytest.raises(BadInputError, match=r"the template, which is 0\.2 s long"):
        find_seed(framed(pictures[:5]), FacePoint(0.25, 0.5, 0.2), RATE, models)
    assert find_seed(framed(pictures[:5]), FacePoint(0.25, 0.5, 0.19), RATE, models).frame == 0
