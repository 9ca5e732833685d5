"""What is report of a job: curves and boxes that a page can plot, and a picture of its template."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from digital_human.core.types import FaceTrack, Template
from digital_human.engines.base import Plan
from digital_human.media import VideoReader
from digital_human.pipeline.plan import RenderPlan
from digital_human.pipeline.report import PICTURE_HEIGHT, POINTS, describe, thumbnail
from digital_human.pipeline.templates import PreparedTemplate

FRAMES = 3000


@pytest.fixture
def plan(samples: Path) -> RenderPlan:
    """Two frames of the template in turns; there is a face in the first only."""
    reader = VideoReader(samples / "template.mkv")
    landmarks = np.zeros((2, 468, 3), np.float32)
    landmarks[0, :, :2] = np.linspace([10, 20], [110, 220], 468)
    track = FaceTrack(landmarks, np.array([0.9, 0], np.float32), np.array([True, False]))
    info = reader.info
    template = Template(info.width, info.height, info.fps, 2, track, reader.frames)
    aperture = np.linspace(0.1, 0.5, FRAMES, dtype=np.float32)
    return RenderPlan(
        PreparedTemplate(reader, template, {}, True, True), Plan({}, aperture=aperture), np.arange(FRAMES) % 2, []
    )


def test_curves_are_thinned_and_span_the_whole_job(plan: RenderPlan) -> None:
    speech = np.zeros(FRAMES * 640, np.float32)
    speech[len(speech) // 2], speech[-1] = -0.75, 0.5
    report = describe(plan, speech)
    assert len(report["waveform"]) == len(report["aperture"]) == len(report["faces"]) == POINTS
    assert {k: value for k, value in enumerate(report["waveform"]) if value} == {POINTS // 2: 0.75, POINTS - 1: 0.5}
    assert (report["aperture"][0], report["aperture"][-1]) == (0, 1)
    assert report["duration"] == pytest.approx(FRAMES / float(plan.prepared.info.fps), abs=0.001)


def test_boxes_are_shares_of_the_picture_and_missing_where_no_face_is(plan: RenderPlan) -> None:
    report = describe(plan, np.ones(100, np.float32))
    info = plan.prepared.info
    box = [10 / info.width, 20 / info.height, 100 / info.width, 200 / info.height]
    assert len(report["waveform"]) == 100
    assert report["faces"][0] == pytest.approx(box, abs=1e-4)
    assert report["faces"][-1] is None


def test_the_picture_is_the_first_of_the_template(plan: RenderPlan) -> None:
    shown = cv2.imdecode(np.frombuffer(thumbnail(plan.prepared.reader), np.uint8), cv2.IMREAD_GRAYSCALE)
    frames = [frame.planes[0] for frame in plan.prepared.reader.frames()]
    small = [cv2.resize(luma, shown.shape[::-1], interpolation=cv2.INTER_AREA) for luma in frames]
    alike = [np.corrcoef(shown.ravel(), luma.ravel())[0, 1] for luma in small]
    assert len(shown) == PICTURE_HEIGHT
    assert np.argmax(alike) == 0
    assert alike[0] > 0.99
