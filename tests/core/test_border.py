"""Mouths at the border of the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.border import FADE, approach, cut_off, drawn_share, is_drawn, mix
from digital_human.core.frame import Frame
from digital_human.core.types import FaceTrack


def track_of(lips: Sequence[float]) -> FaceTrack:
    """A face in pictures of 200 x 200 whose lips lie at these heights; its eyes are 40 pixels apart."""
    landmarks = np.full((len(lips), 468, 3), 100, np.float32)
    landmarks[:, mesh.RIGHT_EYE, 0] = 80
    landmarks[:, mesh.LEFT_EYE, 0] = 120
    landmarks[:, mesh.OUTER_LIPS, 1] = np.array(lips, np.float32)[:, None]
    return FaceTrack(landmarks, np.ones(len(lips), np.float32), np.ones(len(lips), np.bool_))


def test_lips_close_to_the_border_are_cut_off() -> None:
    assert cut_off(track_of([100, 190, 195, 210]), 200, 200).tolist() == [False, False, True, True]


def test_the_mouth_fades_before_it_is_cut_off_and_comes_back_as_smoothly() -> None:
    share = drawn_share(track_of([100] * 10 + [198] * 3 + [100] * 10), 200, 200)
    assert not share[10:13].any() and (share[:5] == 1).all() and (share[-5:] == 1).all()
    assert np.abs(np.diff(share)).max() <= 1 / (FADE + 1) + 1e-6


def test_a_mouth_inside_the_picture_is_drawn_wholly() -> None:
    assert (drawn_share(track_of([100, 120, 185]), 200, 200) == 1).all()


def test_nothing_fades_across_a_cut() -> None:
    track = track_of([100] * 6 + [198] * 2)
    track = FaceTrack(track.landmarks, track.score, track.present, np.repeat([0, 1], [6, 2]))
    assert drawn_share(track, 200, 200).tolist() == [1] * 6 + [0] * 2


def test_lips_have_reached_the_frames_own_before_these_take_over() -> None:
    share = drawn_share(track_of([100] * 10 + [198] * 3 + [100] * 10), 200, 200)
    near, drawn = approach(share), is_drawn(share)
    assert not drawn[10:13].any() and drawn[:7].all() and not near[:4].any()
    for last in (np.flatnonzero(drawn[:10])[-1], 13 + np.flatnonzero(drawn[13:])[0]):
        assert near[last] == 1
    assert np.abs(np.diff(near[:10])).max() < 0.4


def test_mixing_keeps_pixels_that_are_alike() -> None:
    frame = Frame(np.full((6, 4), 100, np.uint8), "bt709")
    drawn = frame.copy()
    drawn.data[0] = 50
    assert mix(frame, drawn, 0.5).data[0].tolist() == [75] * 4
    assert (mix(frame, drawn, 0.5).data[1:] == 100).all()
