"""Wav2Lip weights that users bring: PyTorch checkpoints, and ready ONNX files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
import torch
from torch import Tensor

from export import BadWeightsError
from export.networks.wav2lip import FACE, SOURCE, TARGET, Wav2Lip

FIRST_ROW = 40
"""Where a network made from a checkpoint begins to draw. Of its picture the service pastes the lower face alone, which
began at row 44 or below in 54 clips of talkers."""
TOLERANCE = 1e-4
"""How far a file may be from the network it was made from, in values of 0-1."""
INPUTS = {"source": SOURCE, "target": TARGET}


def load_checkpoint(path: Path) -> Wav2Lip:
    """The network with the weights of a file: a dict with `state_dict`, a state dict itself, or TorchScript.

    It draws from FIRST_ROW on.
    No code of the file runs: pickles are read with `weights_only`, of TorchScript only the tensors are taken.
    """
    state = _state_dict(path)
    network = Wav2Lip(FIRST_ROW)
    expected = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    problems = []
    if lacking := sorted(expected.keys() - state):
        problems.append(f"it lacks {some(lacking)}")
    if unknown := sorted(state.keys() - expected):
        problems.append(f"it has the unknown {some(unknown)}")
    if wrong := [
        f"{name} is {list(state[name].shape)} and should be {shape}"
        for name, shape in expected.items()
        if name in state and list(state[name].shape) != shape
    ]:
        problems.append(some(wrong))
    if problems:
        raise BadWeightsError(f"{path.name} does not fit Wav2Lip: {'; '.join(problems)}")
    network.load_state_dict(state)
    return network.eval()


def _state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name, without the `module.` that training on several devices puts before them."""
    if not path.is_file():
        raise BadWeightsError(f"{path} does not exist")
    try:
        if _is_torchscript(path):
            content: Any = dict(torch.jit.load(path, map_location="cpu").state_dict())
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch each raise their own
        # Their text is not passed on: PyTorch's recommends to load the file unsafely.
        raise BadWeightsError(
            f"{path.name} cannot be read as a PyTorch checkpoint without running code of it"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise BadWeightsError(f"{path.name} holds no state_dict")
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def load_onnx(path: Path) -> onnx.ModelProto:
    """A ready network, checked and able to take any batch; what `to_onnx` returns."""
    if not path.is_file():
        raise BadWeightsError(f"{path} does not exist")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and onnx each raise their own
        raise BadWeightsError(f"{path.name} is not an ONNX file: {first_line(error)}") from error
    graph = model.graph
    constants = {constant.name for constant in graph.initializer}
    inputs = {value.name: value for value in graph.input if value.name not in constants}
    problems = []
    if inputs.keys() != INPUTS.keys():
        problems.append(f"its inputs are {some(sorted(inputs))} and should be source (mel) and target (face)")
    if len(graph.output) != 1:
        problems.append(f"it has {len(graph.output)} outputs and should have 1")
    problems += [text for name, shape in INPUTS.items() if name in inputs and (text := _misfit(inputs[name], shape))]
    if problems:
        raise BadWeightsError(f"{path.name} does not fit Wav2Lip: {'; '.join(problems)}")
    return _with_free_batch(model, path.name)


def _misfit(value: onnx.ValueInfoProto, shape: tuple[int, ...]) -> str:
    """What of a tensor is not float32 [N, *shape]; an axis without a fixed size fits."""
    tensor = value.type.tensor_type
    dims = [dim.dim_value or dim.dim_param or "?" for dim in tensor.shape.dim]
    fixed = [wanted if isinstance(dim, str) else dim for dim, wanted in zip(dims[1:], shape, strict=False)]
    if len(dims) == 1 + len(shape) and fixed == list(shape) and tensor.elem_type == onnx.TensorProto.FLOAT:
        return ""
    dtype = onnx.TensorProto.DataType.Name(tensor.elem_type)
    return f"{value.name} is {dtype} {dims} and should be FLOAT {['N', *shape]}"


def _with_free_batch(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """The same network for any batch, also where it was exported for batches of one size."""
    del model.graph.value_info[:]
    for value in model.graph.input:
        if value.name in INPUTS:
            value.type.tensor_type.shape.dim[0].dim_param = "N"
    output = onnx.helper.make_tensor_value_info(model.graph.output[0].name, onnx.TensorProto.FLOAT, ["N", *FACE])
    model.graph.output[0].CopyFrom(output)
    random = np.random.default_rng(0)
    example = {name: random.random((2, *shape), np.float32) for name, shape in INPUTS.items()}
    try:
        together = run(model, example)
        alone = [run(model, {name: array[k : k + 1] for name, array in example.items()}) for k in range(2)]
    except Exception as error:  # OpenVINO raises many kinds
        raise BadWeightsError(f"{name} does not run with batches of 1 and of 2: {first_line(error)}") from error
    if together.shape != (2, *FACE):
        raise BadWeightsError(
            f"{name} does not fit Wav2Lip: its output is {list(together.shape[1:])}, not {list(FACE)}"
        )
    if np.abs(together - np.concatenate(alone)).max() > TOLERANCE:
        raise BadWeightsError(f"{name} lets the faces of a batch influence each other: export it in eval mode")
    return model


def run(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    core = openvino.Core()
    network = core.compile_model(core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(network(dict(inputs))[0])


def some(names: Iterable[str], most: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def first_line(error: Exception) -> str:
    return str(error).split("\n")[0]
