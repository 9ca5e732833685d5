"""Face occlusion: which pixels of a face are hidden. Trained by this project; its weights ship, Apache-2.0."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from export.graph import OPSET
from export.networks.face_occlusion import SIZE, load


def export(target_dir: Path) -> None:
    """Write `target_dir`/model.onnx; the batch is dynamic."""
    pictures = torch.zeros((2, SIZE, SIZE, 3), dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            load(),
            (pictures, pictures),
            str(target_dir / "model.onnx"),
            input_names=["face", "usual"],
            output_names=["mask"],
            dynamic_axes={name: {0: "batch"} for name in ("face", "usual", "mask")},
            opset_version=OPSET,
            dynamo=False,
        )
