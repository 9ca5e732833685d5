"""Speech -> lip shape, from the checkpoint that ships with the project."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from export.graph import halve, store_in_bytes
from export.networks.speech_to_lips import SAMPLE_RATE, WEIGHTS, SpeechToLips, load


def export(target_dir: Path, weights: Path = WEIGHTS) -> None:
    """Write model.onnx; batch and length are dynamic. All is computed in float32.

    Weights are stored in float16; the matrices of the encoder, which came as 8-bit integers, as these.
    """
    network, _ = load(weights)
    path = target_dir / "model.onnx"
    instants = {0: "batch", 1: "instants"}
    target_dir.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Served(network).eval(),
            (torch.zeros(2, 3 * SAMPLE_RATE),),
            str(path),
            input_names=["audio"],
            output_names=["lips", "aperture", "closure", "silence", "phonemes"],
            dynamic_axes={"audio": {0: "batch", 1: "samples"}, "lips": instants, "aperture": instants,
                          "closure": instants, "silence": instants, "phonemes": instants},
            opset_version=17,
            dynamo=False,
        )  # fmt: skip
    model = onnx.load(path)
    store_in_bytes(model)
    halve(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


class _Served(nn.Module):
    """The network as Triton serves it: probabilities instead of logits."""

    def __init__(self, network: SpeechToLips) -> None:
        super().__init__()
        self.network = network

    def forward(self, audio: Tensor) -> tuple[Tensor, ...]:
        predicted = self.network(audio)
        return (
            predicted.lips,
            predicted.aperture[..., 0],
            predicted.closure[..., 0].sigmoid(),
            predicted.silence[..., 0].sigmoid(),
            predicted.phonemes.softmax(dim=2),
        )
