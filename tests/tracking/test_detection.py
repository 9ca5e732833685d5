"""Faces are found at any size and place in a picture."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.core.types import FaceTrack
from digital_human.tracking.detector import Detection, detect, weighted_nms
from digital_human.tracking.search import find_faces, look_closer
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from tests.tracking.pictures import blank, middle, put, reduced


@pytest.mark.parametrize("size", [(704, 1216), (1920, 1080)])
def test_small_faces_in_tall_and_wide_pictures(faces: list[Frame], models: TritonModels, size: tuple[int, int]) -> None:
    frames = [put(blank(*size), frame, 120, 500, step=1) for frame in faces[:10]]
    assert track_face(frames, models).present.all()


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


def test_detections_of_one_face_are_merged_and_others_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]], np.float32)
    merged = weighted_nms(boxes, np.zeros((3, 6, 2), np.float32), np.array([0.6, 0.6, 0.9], np.float32))
    assert [detection.box.tolist() for detection in merged] == [[50, 50, 60, 60], [1, 0, 11, 10]]


def test_the_detector_reports_frame_pixels(faces: list[Frame], models: TritonModels) -> None:
    canvas = blank(900, 300)
    [[left], [right]] = detect([put(canvas, faces[0], 0, 0), put(canvas, faces[0], 400, 0)], models)
    assert right.box - left.box == pytest.approx([400, 0, 400, 0], abs=6)
