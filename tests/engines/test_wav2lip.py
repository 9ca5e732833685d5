"""The Wav2Lip engine prepares what the published inference prepares, and pastes more carefully."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.frame import Frame, crop, yuv_to_rgb
from digital_human.core.types import Arrays, FaceTrack, Template
from digital_human.engines.base import slice_plan
from digital_human.engines.wav2lip.engine import Wav2LipEngine, face_boxes, lower_face
from digital_human.engines.wav2lip.mel import mel_spectrogram
from digital_human.errors import NoFaceError
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels


class Recorder:
    """Stands in for the network alone: keeps what is sent and answers with the face, made brighter or blurred."""

    def __init__(self, blur: float = 0, brightness: float = 1) -> None:
        self.blur, self.brightness = blur, brightness
        self.sent: Arrays = {}

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, npt.NDArray[np.generic]]:
        self.sent = inputs
        images = np.asarray(inputs["face"], np.uint8) * self.brightness
        if self.blur:
            images = np.stack([cv2.GaussianBlur(image, (0, 0), self.blur) for image in images])
        return {"image": np.clip(np.rint(images), 0, 255).astype(np.uint8)}


@pytest.fixture(scope="module")
def frames(template_frames: list[Frame]) -> list[Frame]:
    return template_frames[:8]


@pytest.fixture(scope="module")
def template(frames: list[Frame], models: TritonModels) -> Template:
    track = track_face(frames, models)
    return Template(frames[0].width, frames[0].height, Fraction(25), len(frames), track, lambda: iter(frames))


def track_of(boxes: npt.NDArray[Any], present: npt.NDArray[Any] | None = None) -> FaceTrack:
    """Faces whose mesh fills the boxes [T, 4] (left, top, right, bottom)."""
    landmarks = np.zeros((len(boxes), 468, 3), np.float32)
    landmarks[:, ::2, :2], landmarks[:, 1::2, :2] = boxes[:, None, :2], boxes[:, None, 2:]
    present = np.ones(len(boxes), bool) if present is None else present
    return FaceTrack(landmarks, present.astype(np.float32), present)


def published_boxes(boxes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    boxes = boxes + np.array([0, 0, 0, 10])
    for i in range(len(boxes)):
        window = boxes[len(boxes) - 5 :] if i + 5 > len(boxes) else boxes[i : i + 5]
        boxes[i] = np.mean(window, axis=0)
    return boxes


def test_boxes_are_padded_and_smoothed_as_published() -> None:
    walk = np.random.default_rng(0).integers(-3, 4, (40, 4)).cumsum(0) + np.array([200, 150, 420, 430])
    assert (face_boxes(track_of(walk), 720, 576) == published_boxes(walk)).all()


def test_boxes_of_one_appearance_do_not_pull_on_the_next() -> None:
    boxes = np.repeat([[10, 10, 110, 110], [500, 300, 600, 400]], 6, 0)
    present = np.array([True] * 4 + [False] * 2 + [True] * 6)
    found = face_boxes(track_of(boxes, present), 720, 576)
    assert (found[:4] == [10, 10, 110, 120]).all() and (found[6:] == [500, 300, 600, 410]).all()


def test_boxes_stay_in_the_picture() -> None:
    found = face_boxes(track_of(np.array([[-50, -20, 800, 600], [715, 570, 900, 900]])), 720, 576)
    assert (found[:, :2] >= 0).all() and (found[:, 2:] <= [720, 576]).all() and (found[:, 2:] > found[:, :2]).all()


def test_without_a_face_there_is_an_error() -> None:
    with pytest.raises(NoFaceError):
        face_boxes(track_of(np.zeros((3, 4)), np.zeros(3, bool)), 720, 576)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(50)])
def test_mel_windows_advance_as_published(fps: Fraction, template: Template, models: TritonModels) -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, 16000 * 3).astype(np.float32)
    template = Template(template.width, template.height, fps, 8, template.track, template.frames)
    count = round(3 * fps)
    plan = Wav2LipEngine().plan(template, {}, audio, np.arange(count) % 8, models)
    mel, expected = mel_spectrogram(audio).T, []
    for i in range(count):
        start = int(i * (80.0 / float(fps)))
        expected.append(mel[:, start : start + 16] if start + 16 <= mel.shape[1] else mel[:, -16:])
    timeline = plan.timelines["mel"]
    windows = [timeline[start : start + 16].T for start in np.asarray(plan.arrays["start"])]
    assert np.abs(np.stack(windows) - np.stack(expected)).max() == 0


def test_speech_shorter_than_a_window_ends_in_silence(template: Template, models: TritonModels) -> None:
    plan = Wav2LipEngine().plan(template, {}, np.full(800, 0.1, np.float32), np.arange(1), models)
    assert plan.timelines["mel"].shape == (16, 80) and plan.arrays["start"].tolist() == [0]
    assert (np.asarray(plan.timelines["mel"])[-8:] == -4).all()


def render(engine: Wav2LipEngine, template: Template, frames: list[Frame], recorder: Recorder) -> list[Frame]:
    analysis = engine.analyse(template, recorder)
    audio = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    plan = engine.plan(template, analysis, audio, np.arange(len(frames)), recorder)
    return engine.render(template, analysis, slice_plan(plan, np.arange(len(frames))), frames, recorder)


def rgb(frame: Frame) -> npt.NDArray[Any]:
    return yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix)


def test_the_network_sees_the_face_as_published(template: Template, frames: list[Frame]) -> None:
    recorder = Recorder()
    render(Wav2LipEngine(), template, frames, recorder)
    assert recorder.sent["mel"].shape == (8, 80, 16)
    x0, y0, x1, y1 = face_boxes(template.track, template.width, template.height)[3]
    expected = cv2.resize(rgb(frames[3])[y0:y1, x0:x1], (96, 96))
    assert np.abs(recorder.sent["face"][3].astype(int) - expected).mean() < 1.5


def test_only_the_lower_face_changes(template: Template, frames: list[Frame]) -> None:
    before = frames[3].data.copy()
    drawn = render(Wav2LipEngine(), template, frames, Recorder(brightness=0.6))[3]
    assert (frames[3].data == before).all()
    changed = drawn.planes[0] != frames[3].planes[0]
    points = template.track.landmarks[3, :, :2]
    rows, columns = np.nonzero(changed)
    assert rows.min() > points[4, 1] and rows.max() <= points[152, 1] + 30
    assert columns.min() > points[:, 0].min() and columns.max() < points[:, 0].max()
    mouth = tuple(np.rint(points[[13, 14]].mean(0)).astype(int)[::-1])
    expected = 16 + 0.6 * (int(frames[3].planes[0][mouth]) - 16)
    assert abs(int(drawn.planes[0][mouth]) - expected) < 6
    # No step at the edge of the paste: its darkening fades in.
    shade = frames[3].planes[0].astype(np.float32) - drawn.planes[0]
    assert np.abs(np.diff(cv2.GaussianBlur(shade, (0, 0), 2), axis=0)).max() < 8


def test_a_face_beyond_the_edge_leaves_the_picture_as_it_is(template: Template, frames: list[Frame]) -> None:
    track = template.track
    beyond = FaceTrack(track.landmarks + np.array([template.width, 0, 0], np.float32), track.score, track.present)
    moved = Template(template.width, template.height, template.fps, len(frames), beyond, template.frames)
    drawn = render(Wav2LipEngine(), moved, frames, Recorder(brightness=0))
    assert all((after.data == before.data).all() for after, before in zip(drawn, frames, strict=True))


def test_the_mask_ends_before_the_crop_does(template: Template) -> None:
    points = template.track.landmarks[0, :, :2]
    low, high = points.min(0), points.max(0)
    mask = lower_face(points - low, int(high[0] - low[0]), int(high[1] - low[1]))
    assert mask.max() == 1 and mask.min() == 0
    assert max(mask[[0, -1]].max(), mask[:, [0, -1]].max()) < 0.02


def test_sharpening_brings_back_the_templates_grain(template: Template, frames: list[Frame]) -> None:
    def detail(frame: Frame) -> float:
        x, y = np.rint(template.track.landmarks[3, 152, :2]).astype(int)
        chin = frame.planes[0][y - 60 : y - 10, x - 40 : x + 40].astype(np.float32)
        return float((chin - cv2.GaussianBlur(chin, (0, 0), 3)).std())

    plain = render(Wav2LipEngine(), template, frames, Recorder(blur=1))[3]
    sharp = render(Wav2LipEngine(sharpen=True), template, frames, Recorder(blur=1))[3]
    assert detail(plain) < 0.8 * detail(frames[3])
    assert detail(plain) * 1.2 < detail(sharp) < detail(frames[3]) * 1.3
