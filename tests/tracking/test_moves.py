"""One face is followed through moves, jumps and cuts, and never left for somebody else's."""

from __future__ import annotations

import numpy as np

from digital_human.core.frame import Frame
from digital_human.core.types import FaceTrack
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from tests.tracking.pictures import blank, middle, put, reduced, tinted


def test_a_face_that_comes_back_elsewhere_is_followed_there(faces: list[Frame], models: TritonModels) -> None:
    canvas = blank(800, 300)
    frames = [put(canvas, f, 0, 0) for f in faces[:16]] + [canvas] * 16 + [put(canvas, f, 430, 0) for f in faces[:16]]
    track = track_face(frames, models)
    assert track.present.tolist() == [True] * 16 + [False] * 16 + [True] * 16
    assert (middle(track)[32:, 0] - middle(track)[:16, 0]).min() > 400


def test_of_several_people_the_largest_is_followed_and_never_left_for_another(
    template_frames: list[Frame], faces: list[Frame], models: TritonModels
) -> None:
    """A large face at the right, a small one at the left; the large one leaves and comes back."""
    canvas = blank(1100, 580)
    frames = []
    for k in range(64):
        picture = put(canvas, faces[k % 40], -40, 200)
        frames.append(picture if 24 <= k < 44 else put(picture, template_frames[k], 360, 0))
    track = track_face(frames, models)
    assert track.present.tolist() == [not 24 <= k < 44 for k in range(64)]
    assert (middle(track)[track.present][:, 0] > 500).all()


def test_a_quick_move_is_followed(faces: list[Frame], models: TritonModels) -> None:
    """To and fro by more than the width of the face, each way in half a second."""
    canvas = blank(640, 300)
    shifts = [2 * round(35 * (1 - np.cos(k / 4))) for k in range(40)]
    track = track_face([put(canvas, f, s, 0) for f, s in zip(faces, shifts, strict=True)], models)
    assert track.present.all()
    still = track_face([put(canvas, f, 0, 0) for f in faces], models)
    error = middle(track) - middle(still) - np.column_stack([shifts, np.zeros(40)])
    assert np.abs(error).max() < 4


def test_a_cut_to_another_place_loses_no_frame(faces: list[Frame], models: TritonModels) -> None:
    canvas = blank(640, 300)
    frames = [put(canvas, f, 0 if k < 19 else 140, 0) for k, f in enumerate(faces)]
    track = track_face(frames, models)
    assert track.present.all()
    assert (np.abs(np.diff(middle(track)[:, 0])) > 50).sum() <= 3


def test_a_face_that_jumps_across_the_picture_is_followed_but_not_to_a_bystander(
    template_frames: list[Frame], faces: list[Frame], models: TritonModels
) -> None:
    canvas = blank(1500, 580)
    alone = [put(canvas, template_frames[k], 0 if k < 16 else 740, 0) for k in range(32)]
    assert track_face(alone, models).present.all()
    with_bystander = [put(canvas, template_frames[k], 0, 0) if k < 16 else canvas for k in range(32)]
    with_bystander = [put(frame, faces[k], 900, 200) for k, frame in enumerate(with_bystander)]
    assert track_face(with_bystander, models).present.tolist() == [True] * 16 + [False] * 16


def test_shots_are_tracked_one_by_one(faces: list[Frame], models: TritonModels) -> None:
    """The same person, cut to a view enlarged by a fifth: each part is tracked as if it were alone."""
    canvas = blank(640, 400)
    first = [put(canvas, frame, 0, 0) for frame in faces[:19]]
    second = [put(canvas, reduced(frame, 1.2), 150, 40) for frame in faces[19:]]
    track = track_face(first + second, models)
    assert track.shot is not None and track.shot.tolist() == [0] * 19 + [1] * 21
    assert track.present.all()
    for part, frames in ((slice(0, 19), first), (slice(19, 40), second)):
        alone = track_face(frames, models)
        off = np.linalg.norm(track.landmarks[part, :, :2] - alone.landmarks[:, :, :2], axis=2)
        assert off.mean(1).max() < 1


def test_somebody_else_in_the_next_shot_is_not_taken_for_the_person(faces: list[Frame], models: TritonModels) -> None:
    frames = [*faces[:13], *[tinted(frame) for frame in faces[:14]], *faces[13:26]]
    track = track_face(frames, models)
    assert track.shot is not None and np.flatnonzero(np.diff(track.shot)).tolist() == [12, 26]
    assert track.present.tolist() == [True] * 13 + [False] * 14 + [True] * 13


def test_people_who_talk_are_one_shot(plain: FaceTrack) -> None:
    assert plain.shot is not None and not plain.shot.any()


def test_a_face_that_jumps_within_a_third_of_a_second_is_followed_in_every_frame(
    plain: FaceTrack, faces: list[Frame], models: TritonModels
) -> None:
    """Twice as fast as it is recorded, as in clips that stutter."""
    places = [0] * 8 + [0, 0, 50, 50, 100, 100, 150, 150] + [200] * 8
    jumping = [put(blank(640, 300), face, x, 0) for face, x in zip(faces, places, strict=False)]
    track = track_face(jumping, models)
    off = np.linalg.norm(middle(track) - middle(plain)[: len(places)] - [[x, 0] for x in places], axis=1)
    assert track.present.all() and off.max() < 3
