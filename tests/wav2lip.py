"""Weights for tests of Wav2Lip: random ones in the official format, and tiny networks that only have its inputs."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import parser

from export.networks.wav2lip import SOURCE, TARGET, Wav2Lip


def random_network(seed: int = 0) -> Wav2Lip:
    """Random weights whose batch norm has seen a few inputs, so that values neither vanish nor explode."""
    torch.manual_seed(seed)
    network = Wav2Lip()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    with torch.no_grad():
        network.train()(torch.rand(4, *SOURCE) * 8 - 4, torch.rand(4, *TARGET))
    return network.eval()


def save_checkpoint(network: Wav2Lip, path: Path) -> Path:
    """As training scripts of the field write it: on several devices, with the optimiser beside the weights."""
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    optimiser = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    torch.save({"state_dict": state, "optimizer": optimiser, "global_step": 7, "global_epoch": 1}, path)
    return path


def tiny_onnx(path: Path, brightness: float, batch: str = "1", source: str = "source", bands: int = 80) -> Path:
    """A network that returns the reference face, times `brightness`: an ONNX file as the field passes them round."""
    model = parser.parse_model(f"""<ir_version: 6, opset_import: ["": 11]>
        tiny (float[{batch}, 1, {bands}, 16] {source}, float[{batch}, 6, 96, 96] target)
            => (float[{batch}, 3, 96, 96] output)
        < int64[3] whole = {{3, 4, 5}}, float brightness = {{{brightness}}}, float nothing = {{0}} >
        {{
            reference = Gather<axis = 1>(target, whole)
            shaded = Mul(reference, brightness)
            sound = ReduceMean<axes = [1, 2, 3], keepdims = 1>({source})
            silent = Mul(sound, nothing)
            output = Add(shaded, silent)
        }}""")
    onnx.save(model, path)
    return path
