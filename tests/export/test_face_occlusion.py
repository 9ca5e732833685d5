"""The face-occlusion network: the served file is what the weights give, in both runtimes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch

from digital_human.core.frame import Uint8
from digital_human.triton.client import TritonModels
from export.__main__ import main
from export.networks.face_occlusion import SIZE, load

MODEL = Path(__file__).resolve().parents[2] / "model_repository" / "face_occlusion" / "1" / "model.onnx"


@pytest.fixture(scope="module")
def pictures() -> tuple[Uint8, Uint8]:
    """Three smooth pictures, and the same with a square in front."""
    rng = np.random.default_rng(0)
    usual = np.stack([cv2.GaussianBlur(rng.integers(0, 255, (SIZE, SIZE, 3), np.uint8), (0, 0), 9) for _ in range(3)])
    face = usual.copy()
    face[:, 50:100, 40:90] = (210, 40, 90)
    return face, usual  # type: ignore[return-value]


def test_the_served_file_is_what_the_weights_give(pictures: tuple[Uint8, Uint8], tmp_path: Path) -> None:
    face, usual = pictures
    with torch.no_grad():
        wanted = load()(torch.from_numpy(face), torch.from_numpy(usual)).numpy()
    main(["face_occlusion", "--repository", str(tmp_path)])
    for path in (MODEL, tmp_path / "face_occlusion" / "1" / "model.onnx"):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (found,) = session.run(["mask"], {"face": face, "usual": usual})
        assert found.dtype == np.uint8 and found.shape == (3, SIZE, SIZE)
        assert np.abs(found.astype(int) - wanted).max() <= 1


def test_triton_serves_it_and_samples_do_not_mix(models: TritonModels, pictures: tuple[Uint8, Uint8]) -> None:
    face, usual = pictures
    together = models.infer("face_occlusion", {"face": face, "usual": usual}, ("mask",))["mask"]
    with torch.no_grad():
        wanted = load()(torch.from_numpy(face), torch.from_numpy(usual)).numpy()
    assert np.abs(together.astype(int) - wanted).max() <= 2
    for k in range(3):
        alone = models.infer("face_occlusion", {"face": face[k : k + 1], "usual": usual[k : k + 1]})["mask"]
        assert np.abs(alone[0].astype(int) - together[k]).max() <= 1
