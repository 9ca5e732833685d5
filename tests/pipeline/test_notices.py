"""What is said of a video before it is drawn."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.cover import Cover, pack
from digital_human.core.notices import Notice, from_records, to_records
from digital_human.core.types import FaceTrack, Template
from digital_human.pipeline.notices import notices_of

FRAMES = 10


def template_of(width: float, lips_at: float = 50) -> Template:
    """A face of this width in pictures of 200 x 200; frame 0 shows none, 1 and 2 hide the mouth, 3 may."""
    landmarks = np.full((FRAMES, 468, 3), 100, np.float32)
    for right, left in ((mesh.RIGHT_EAR, mesh.LEFT_EAR), (mesh.RIGHT_EYE, mesh.LEFT_EYE)):
        landmarks[:, right, 0], landmarks[:, left, 0] = 100 - width / 2, 100 + width / 2
    landmarks[:, mesh.OUTER_LIPS, 1] = 120
    landmarks[4, mesh.OUTER_LIPS, 1] = lips_at
    present = np.arange(FRAMES) > 0
    through = np.array([0, 1, 1, 1, *[0] * (FRAMES - 4)], np.float32)
    packed, ends = pack([None] * FRAMES)
    none = np.zeros(FRAMES, np.float32)
    unsure = np.arange(FRAMES) == 3
    cover = Cover(np.zeros((FRAMES, 2, 3), np.float32), packed, ends, none, none, unsure, through)
    track = FaceTrack(landmarks, present.astype(np.float32), present)
    return Template(200, 200, Fraction(25), FRAMES, track, lambda: iter(()), cover=cover)


def test_frames_that_the_video_shows_are_counted_once_each() -> None:
    shown = np.array([0, 1, 2, 3, 4, 4, 5, 5])
    counted = {notice.name: notice.params for notice in notices_of(template_of(100, lips_at=199), shown)}
    assert counted == {
        "mouth_hidden": {"count": 2, "frames": 8},
        "mouth_unsure": {"count": 1, "frames": 8},
        "face_missing": {"count": 1, "frames": 8},
        "mouth_cut_off": {"count": 2, "frames": 8},
    }


def test_nothing_is_said_of_frames_that_are_not_shown() -> None:
    assert notices_of(template_of(100, lips_at=199), np.array([5, 6, 7])) == []


def test_a_small_face_is_told_with_its_width() -> None:
    (notice,) = notices_of(template_of(60), np.array([5, 6]))
    assert notice.text() == "the face is only 60 pixels wide; a larger one would look better"
    assert "60" in notice.text("zh")


def test_notices_that_this_version_cannot_word_are_left_out() -> None:
    known = Notice("face_small", {"width": 60})
    records = [{"name": "of_a_later_version", "params": {}}, {"name": "face_small", "params": {}}]
    assert from_records([*records, *to_records([known])]) == [known]
