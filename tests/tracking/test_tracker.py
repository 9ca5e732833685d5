"""Landmarks of one face, frame by frame: exact, steady, and with few frames held at a time."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Frame
from digital_human.core.types import Arrays, FaceTrack
from digital_human.tracking.chunks import CHUNK
from digital_human.tracking.landmarker import between, predict_landmarks, regions_of_landmarks
from digital_human.tracking.tracker import WORKERS, plausible, smooth, track_face
from digital_human.triton.client import TritonModels
from tests.tracking.pictures import blank, middle, put


def test_every_frame_of_a_talking_person_has_landmarks(plain: FaceTrack, faces: list[Frame]) -> None:
    assert plain.landmarks.shape == (40, 468, 3) and plain.landmarks.dtype == np.float32
    assert plain.present.all() and (plain.score > 0.9).all()
    eyes = plain.landmarks[:, mesh.LEFT_EYE_OUTER] - plain.landmarks[:, mesh.RIGHT_EYE_OUTER]
    assert (eyes[:, 0] > 0.1 * faces[0].width).all()
    assert np.abs(np.diff(middle(plain), axis=0)).max() < 0.05 * eyes[:, 0].mean()


def test_batched_tracking_is_as_exact_as_frame_by_frame(
    plain: FaceTrack, faces: list[Frame], models: TritonModels
) -> None:
    """Each frame's own region, found by repeating, against the interpolated ones: less than a pixel of the 192 crop."""
    regions = regions_of_landmarks(plain.landmarks)
    for _ in range(3):
        exact, _ = predict_landmarks(faces, regions, models)
        regions = regions_of_landmarks(exact)
    exact = smooth(exact, plain.present)
    difference = np.linalg.norm(plain.landmarks[..., :2] - exact[..., :2], axis=-1) * 192 / regions[:, None, 2]
    assert np.sqrt((difference**2).mean()) < 0.6


def test_the_length_need_not_fit_the_chunks(faces: list[Frame], models: TritonModels) -> None:
    for length in (0, 1, CHUNK, CHUNK + 1):
        assert track_face(faces[:length], models).present.tolist() == [True] * length


def test_few_frames_are_held_at_a_time(faces: list[Frame], models: TritonModels) -> None:
    given: list[weakref.ref[Frame]] = []
    held = []

    def fresh() -> Iterator[Frame]:
        for frame in itertools.islice(itertools.cycle(faces), 10 * CHUNK):
            copy = frame.copy()
            given.append(weakref.ref(copy))
            yield copy

    class Watching:
        def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, npt.NDArray[np.generic]]:
            held.append(sum(frame() is not None for frame in given))
            return models.infer(model, inputs, outputs)

    assert track_face(fresh(), Watching()).present.all()
    assert len(given) == 10 * CHUNK and max(held) <= CHUNK * (WORKERS + 2) + 1


def test_no_face_gives_a_track_without_one(models: TritonModels) -> None:
    track = track_face([blank(320, 240)] * 20, models)
    assert not track.present.any() and track.landmarks.shape == (20, 468, 3)


def test_frames_without_the_face_are_marked_and_it_is_found_again(faces: list[Frame], models: TritonModels) -> None:
    empty = blank(faces[0].width, faces[0].height)
    frames = [*faces[:12], *[empty] * 21, *faces[12:33]]
    present = track_face(frames, models).present
    assert present.tolist() == [True] * 12 + [False] * 21 + [True] * 21


def test_more_views_are_steadier(faces: list[Frame], models: TritonModels) -> None:
    """One picture at many places: whatever differs, apart from the place, is noise."""
    canvas = blank(480, 340)
    shifts = [2 * abs(24 - k) for k in range(48)]
    frames = [put(canvas, faces[0], shift, 0) for shift in shifts]

    def noise(views: int) -> float:
        landmarks = track_face(frames, models, views=views).landmarks[..., :2].copy()
        landmarks[..., 0] -= np.array(shifts)[:, None]
        return float(landmarks.std(0).mean())

    assert noise(3) < 0.85 * noise(1)


def test_frames_whose_face_changes_size_for_a_moment_are_left_out() -> None:
    landmarks = np.random.default_rng(0).normal(0, 100, (1, 468, 3)).astype(np.float32).repeat(20, 0)
    landmarks *= np.linspace(1, 1.8, 20, dtype=np.float32)[:, None, None]  # somebody who comes nearer
    landmarks[7] *= 2
    landmarks[12:14] *= 0.5
    present = np.ones(20, np.bool_)
    present[3] = False
    assert np.flatnonzero(~plausible(landmarks, present)).tolist() == [3, 7, 12, 13]


def test_regions_turn_the_short_way() -> None:
    first, second = np.array([0, 0, 10, 3.0]), np.array([10, 0, 20, -3.0])
    assert between(first, second, 0.5) == pytest.approx([5, 0, 15, np.pi], abs=0.01)


class Counted:
    """Models that count the pictures of the face mesh."""

    def __init__(self, models: TritonModels) -> None:
        self._models = models
        self.pictures = 0

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, npt.NDArray[np.generic]]:
        if model == "face_mesh":
            self.pictures += len(inputs["face"])
        return self._models.infer(model, inputs, outputs)


def test_a_picture_that_is_held_is_not_tracked_again(faces: list[Frame], models: TritonModels) -> None:
    counted, shown = Counted(models), list[Frame]()
    held = [*faces[:20], *itertools.repeat(faces[20], 2000), *faces[21:30]]
    track = track_face(held, counted, on_frames=lambda frames, landmarks: shown.extend(frames))
    assert len(track.score) == 2029 and track.present.all()
    assert counted.pictures < 200
    assert list(map(id, shown)) == list(map(id, held))
    assert (track.landmarks[40:2000] == track.landmarks[40]).all()
    lips = track.landmarks[[10, 1000, 2028]].mean(1)
    assert np.isfinite(lips).all()


def test_a_short_gap_is_tracked_as_ever(faces: list[Frame], models: TritonModels) -> None:
    gap = [*faces[:8], *itertools.repeat(faces[8], CHUNK), *faces[9:12]]
    copies = [frame.copy() for frame in gap]
    first, second = track_face(gap, models), track_face(copies, models)
    assert np.array_equal(first.landmarks, second.landmarks) and np.array_equal(first.score, second.score)
