"""The sample template as the default engine studies it."""

from __future__ import annotations

import pytest

from digital_human.core.frame import Frame
from digital_human.core.types import FaceTrack
from digital_human.engines.exemplar.analysis import build_atlas
from digital_human.engines.exemplar.atlas import Atlas
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from tests.engines.talker import part


@pytest.fixture(scope="module")
def track(template_frames: list[Frame], models: TritonModels) -> FaceTrack:
    return track_face(template_frames, models)


@pytest.fixture(scope="module")
def atlas(template_frames: list[Frame], track: FaceTrack) -> Atlas:
    every = list(range(len(template_frames)))
    return build_atlas(part(template_frames, track, every), lambda size, control, near: None)
