"""The mouth renderer, which has no trained weights."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from export.networks.mouth_renderer import INPUTS, MouthRenderer, example

OPSET = 18


def export(target_dir: Path) -> None:
    """Write `target_dir`/model.onnx."""
    names = list(INPUTS)
    dynamic = {n: {i: a for i, a in enumerate(axes) if isinstance(a, str)} for n, (_, axes) in INPUTS.items()}
    dynamic["image"] = {0: "batch", 1: "base_lines", 2: "base_width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            MouthRenderer().eval(),
            example(),
            str(target_dir / "model.onnx"),
            input_names=names,
            output_names=["image"],
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
        )
