"""Following one face, on frames of the sample template and on pictures put together from them."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Frame
from digital_human.core.types import Arrays, FaceTrack
from digital_human.tracking.chunks import CHUNK
from digital_human.tracking.detector import Detection, detect, weighted_nms
from digital_human.tracking.landmarker import between, predict_landmarks, regions_of_landmarks
from digital_human.tracking.search import find_faces, look_closer
from digital_human.tracking.tracker import WORKERS, plausible, smooth, track_face
from digital_human.triton.client import TritonModels


def blank(width: int, height: int) -> Frame:
    data = np.full((height * 3 // 2, width), 128, np.uint8)
    data[:height] = 60
    return Frame(data, "bt601")


def put(canvas: Frame, picture: Frame, x: int, y: int, step: int = 1) -> Frame:
    """`picture`, reduced `step` times, pasted with its top left corner at even x, y; what lies outside is cut."""
    result = canvas.copy()
    for plane, source, share in zip(result.planes, picture.planes, (1, 2, 2), strict=True):
        small = source[::step, ::step]
        left, top = x // share, y // share
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + small.shape[1], plane.shape[1]), min(top + small.shape[0], plane.shape[0])
        if x1 > x0 and y1 > y0:
            plane[y0:y1, x0:x1] = small[y0 - top : y1 - top, x0 - left : x1 - left]
    return result


def middle(track: FaceTrack) -> npt.NDArray[Any]:
    result: npt.NDArray[Any] = track.landmarks[..., :2].mean(1)
    return result


@pytest.fixture(scope="module")
def faces(template_frames: list[Frame]) -> list[Frame]:
    """40 frames, 360 x 288."""
    small = blank(template_frames[0].width // 2 // 2 * 2, template_frames[0].height // 2 // 2 * 2)
    return [put(small, frame, 0, 0, step=2) for frame in template_frames[:40]]


@pytest.fixture(scope="module")
def plain(faces: list[Frame], models: TritonModels) -> FaceTrack:
    return track_face(faces, models)


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


@pytest.mark.parametrize("size", [(704, 1216), (1920, 1080)])
def test_small_faces_in_tall_and_wide_pictures(faces: list[Frame], models: TritonModels, size: tuple[int, int]) -> None:
    frames = [put(blank(*size), frame, 120, 500, step=1) for frame in faces[:10]]
    assert track_face(frames, models).present.all()


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


def test_a_face_that_jumps_across_the_picture_is_followed_but_not_to_a_bystander(
    template_frames: list[Frame], faces: list[Frame], models: TritonModels
) -> None:
    canvas = blank(1500, 580)
    alone = [put(canvas, template_frames[k], 0 if k < 16 else 740, 0) for k in range(32)]
    assert track_face(alone, models).present.all()
    with_bystander = [put(canvas, template_frames[k], 0, 0) if k < 16 else canvas for k in range(32)]
    with_bystander = [put(frame, faces[k], 900, 200) for k, frame in enumerate(with_bystander)]
    assert track_face(with_bystander, models).present.tolist() == [True] * 16 + [False] * 16


def reduced(picture: Frame, share: float) -> Frame:
    """A picture scaled by a share of its size, to even sides."""
    width, height = (2 * round(side * share / 2) for side in (picture.width, picture.height))
    small = blank(width, height)
    for plane, source in zip(small.planes, picture.planes, strict=True):
        plane[...] = cv2.resize(source, plane.shape[::-1], interpolation=cv2.INTER_AREA)
    return small


def textured(width: int, height: int) -> Frame:
    """A canvas of random blocks."""
    canvas = blank(width, height)
    blocks = np.random.default_rng(3).integers(30, 200, (height // 40 + 1, width // 40 + 1), np.uint8)
    canvas.planes[0][...] = blocks.repeat(40, 0).repeat(40, 1)[:height, :width]
    return canvas


@pytest.mark.parametrize("width", [130, 60])
def test_a_far_face_in_a_large_picture_is_found_in_its_place(
    template_frames: list[Frame], plain: FaceTrack, models: TritonModels, width: int
) -> None:
    """The detector sees 3840 x 2160 at a twentieth: the face is 3 to 6 pixels wide there."""
    share = width / (2 * np.ptp(plain.landmarks[0, :, 0]))
    canvas = textured(3840, 2160)
    frames = [put(canvas, reduced(frame, share), 2700, 640) for frame in template_frames[:10]]
    track = track_face(frames, models)
    assert track.present.all()
    expected = middle(plain)[:10] * 2 * share + [2700, 640]
    assert np.linalg.norm(middle(track) - expected, axis=1).max() < 0.1 * width


def test_a_small_detection_that_a_closer_look_does_not_confirm_is_dropped(
    faces: list[Frame], models: TritonModels
) -> None:
    canvas = put(blank(1500, 1000), faces[0], 500, 400)
    [[face]] = find_faces([canvas], models)
    elsewhere = Detection(face.box + np.float32(600), face.keypoints + np.float32(600), 0.9)
    kept, dropped = look_closer([canvas] * 2, [face, elsewhere], models)
    assert kept is not None and np.abs(kept.centre - face.centre).max() < 0.2 * face.size and dropped is None


def test_frames_whose_face_changes_size_for_a_moment_are_left_out() -> None:
    landmarks = np.random.default_rng(0).normal(0, 100, (1, 468, 3)).astype(np.float32).repeat(20, 0)
    landmarks *= np.linspace(1, 1.8, 20, dtype=np.float32)[:, None, None]  # somebody who comes nearer
    landmarks[7] *= 2
    landmarks[12:14] *= 0.5
    present = np.ones(20, np.bool_)
    present[3] = False
    assert np.flatnonzero(~plausible(landmarks, present)).tolist() == [3, 7, 12, 13]


def tinted(picture: Frame) -> Frame:
    """Somebody else, as far as looks go: bright at one side and dark at the other."""
    other = picture.copy()
    other.planes[0][...] = np.clip(picture.planes[0] * np.linspace(0.4, 1.6, picture.width), 16, 235).astype(np.uint8)
    return other


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


def test_detections_of_one_face_are_merged_and_others_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]], np.float32)
    merged = weighted_nms(boxes, np.zeros((3, 6, 2), np.float32), np.array([0.6, 0.6, 0.9], np.float32))
    assert [detection.box.tolist() for detection in merged] == [[50, 50, 60, 60], [1, 0, 11, 10]]


def test_the_detector_reports_frame_pixels(faces: list[Frame], models: TritonModels) -> None:
    canvas = blank(900, 300)
    [[left], [right]] = detect([put(canvas, faces[0], 0, 0), put(canvas, faces[0], 400, 0)], models)
    assert right.box - left.box == pytest.approx([400, 0, 400, 0], abs=6)


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
