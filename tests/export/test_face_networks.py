"""The exported face networks against the originals in TensorFlow Lite's own interpreter, on a real face."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from digital_human.core.frame import Frame, Uint8, warp_rgb
from digital_human.tracking.detector import Detection, letterbox, weighted_nms
from digital_human.tracking.landmarker import affine, region_of_detection
from digital_human.triton.client import TritonModels
from export.exporters import face_detector, face_mesh
from export.mediapipe_weights import weights

ROOT = Path(__file__).resolve().parents[2]


def original(name: str, image: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Outputs of a .tflite model, largest first."""
    interpreter = Interpreter(str(weights(name)), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None].astype(np.float32))
    interpreter.invoke()
    outputs = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    return sorted(outputs, key=lambda output: -output.size)


def exported(name: str, **inputs: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    session = onnxruntime.InferenceSession(ROOT / "model_repository" / name / "1" / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


@pytest.fixture(scope="module")
def picture(template_frames: list[Frame]) -> Uint8:
    frame = template_frames[0]
    return warp_rgb(frame, letterbox(frame.width, frame.height), face_detector.SIZE)


@pytest.fixture(scope="module")
def face(template_frames: list[Frame], picture: Uint8) -> Uint8:
    frame = template_frames[0]
    answer = exported("face_detector", image=picture[None])
    best = int(answer["scores"][0].argmax())
    matrix = letterbox(frame.width, frame.height)
    box = (answer["boxes"][0, best].reshape(2, 2) * face_detector.SIZE - matrix[:, 2]) / matrix[0, 0]
    points = (answer["keypoints"][0, best] * face_detector.SIZE - matrix[:, 2]) / matrix[0, 0]
    return warp_rgb(frame, affine(region_of_detection(Detection(box.ravel(), points, 1.0))), face_mesh.SIZE)


def test_the_detector_gives_the_boxes_of_the_original(picture: Uint8) -> None:
    raw, logits = original("face_detection_full_range_sparse.tflite", picture / 127.5 - 1)
    answer = exported("face_detector", image=picture[None])
    row, column = np.divmod(np.arange(face_detector.ANCHORS), face_detector.CELLS)
    anchors = (np.column_stack([column, row]) + 0.5) / face_detector.CELLS
    centre, half = raw[0, :, :2] / 192 + anchors, raw[0, :, 2:4] / 384
    keypoints = raw[0, :, 4:].reshape(-1, 6, 2) / 192 + anchors[:, None]

    pixels = face_detector.SIZE
    assert np.abs(np.hstack([centre - half, centre + half]) - answer["boxes"][0]).max() * pixels < 0.01
    assert np.abs(keypoints - answer["keypoints"][0]).max() * pixels < 0.01
    assert np.abs(1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80))) - answer["scores"][0]).max() < 1e-4
    sure = answer["scores"][0] > 0.5
    assert len(weighted_nms(answer["boxes"][0][sure], answer["keypoints"][0][sure], answer["scores"][0][sure])) == 1


def test_the_mesh_lies_within_half_a_pixel_of_the_original(face: Uint8) -> None:
    landmarks, logit = original("face_landmark.tflite", face / 255)
    answer = exported("face_mesh", face=face[None])
    assert np.abs(landmarks.reshape(468, 3) - answer["landmarks"][0]).max() < 0.01
    assert answer["score"][0, 0] == pytest.approx(1 / (1 + np.exp(-logit.item())), abs=1e-5)
    assert answer["score"][0, 0] > 0.99


def test_what_triton_serves_lies_within_half_a_pixel_of_the_original(
    face: Uint8, picture: Uint8, models: TritonModels
) -> None:
    landmarks, _ = original("face_landmark.tflite", face / 255)
    served = models.infer("face_mesh", {"face": face[None]})
    assert np.abs(landmarks.reshape(468, 3) - served["landmarks"][0]).max() < 0.5
    boxes = models.infer("face_detector", {"image": picture[None]})["boxes"]
    assert np.abs(boxes - exported("face_detector", image=picture[None])["boxes"]).max() * 192 < 0.01


def test_the_mesh_doubts_what_is_no_face() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, 192, 192, 3), np.uint8)
    assert exported("face_mesh", face=noise)["score"][0, 0] < 0.5


@pytest.mark.parametrize("module", [face_detector, face_mesh])
def test_an_export_gives_the_committed_file(module: ModuleType, tmp_path: Path) -> None:
    module.export(tmp_path)
    name = module.__name__.split(".")[-1]
    committed = ROOT / "model_repository" / name / "1" / "model.onnx"
    assert (tmp_path / "model.onnx").read_bytes() == committed.read_bytes()


def test_every_batch_size_gives_the_same_answer(face: Uint8) -> None:
    many = np.stack([face, face[:, ::-1], np.zeros_like(face)])
    together = exported("face_mesh", face=many)["landmarks"]
    alone = np.concatenate([exported("face_mesh", face=one[None])["landmarks"] for one in many])
    assert np.abs(together - alone).max() < 1e-2
