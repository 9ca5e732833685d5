"""The sample template made small, and its track."""

from __future__ import annotations

import pytest

from digital_human.core.frame import Frame
from digital_human.core.types import FaceTrack
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from tests.tracking.pictures import blank, put


@pytest.fixture(scope="session")
def faces(template_frames: list[Frame]) -> list[Frame]:
    """40 frames, 360 x 288."""
    small = blank(template_frames[0].width // 2 // 2 * 2, template_frames[0].height // 2 // 2 * 2)
    return [put(small, frame, 0, 0, step=2) for frame in template_frames[:40]]


@pytest.fixture(scope="session")
def plain(faces: list[Frame], models: TritonModels) -> FaceTrack:
    return track_face(faces, models)
