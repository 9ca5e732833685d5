"""Wav2Lip, 96x96: your own checkpoint (--checkpoint FILE.pth) or ready ONNX file (--onnx FILE.onnx); no weights ship.

Both become one tensor contract, with --int8 in 8-bit integers. Inside the graph: uint8 RGB to BGR in 0-1, the face with
its lower half masked beside the whole one, the network, and back to uint8 RGB. Left to the caller: the face box and the
mel spectrogram.

The licence of the weights is the caller's to keep: the authors of Wav2Lip allow research and personal use only.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
import torch
from onnx import compose, parser
from torch import Tensor

from export import BadWeights
from export.networks.wav2lip import FACE, SOURCE, TARGET, Wav2Lip
from export.weight_range import LARGEST, wide_weights

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "model_repository" / "wav2lip" / "config.pbtxt"
SAMPLE = ROOT / "samples" / "template.mkv"
OPSET = 17
IR_VERSION = 8
"""What the oldest supported server can read, see `export.graph`."""
FIRST_ROW = 40
"""Where a network made from a checkpoint begins to draw. Of its picture the service pastes the lower face alone, which
began at row 44 or below in 54 clips of talkers."""
TOLERANCE = 1e-4
"""How far a file may be from the network it was made from, in values of 0-1."""
INPUTS = {"source": SOURCE, "target": TARGET}
FACES = 64
"""From which the ranges for 8-bit integers are taken, and as many more by which what comes out is judged."""
LEAST_FACES = 32
"""That the clips must show together, a second of somebody who talks."""
LEAST_PSNR = 30.0
"""Decibels that the lower face in 8-bit integers must reach against the one in floating point."""


def export(
    target_dir: Path,
    *,
    checkpoint: Path | None = None,
    onnx_file: Path | None = None,
    int8: Sequence[Path] | None = None,
) -> None:
    """Write `target_dir`/model.onnx, and config.pbtxt into the folder above where it is missing.

    int8: clips of people who talk, by which the network is made one of 8-bit integers; empty for the sample's
    Raises BadWeights, which says what is wrong with the file.
    """
    if checkpoint:
        network = to_onnx(load_checkpoint(checkpoint))
    elif onnx_file:
        network = load_onnx(onnx_file)
        if wide := wide_weights(network):
            print(
                f"Warning: {onnx_file.name} has 8-bit weights beyond +-{LARGEST} ({_some(wide, 2)}). "
                "On CPUs without VNNI it draws wrong faces; quantise it with 7-bit weights (`reduce_range`)",
                file=sys.stderr,
            )
    else:
        raise BadWeights("wav2lip ships without weights: name yours with --checkpoint FILE.pth or --onnx FILE.onnx")
    # A server may load it at any moment, so the file is complete or not there.
    part = target_dir / ".model.onnx.part"
    wrapped = wrap(network)
    onnx.save(wrapped if int8 is None else in_int8(wrapped, int8 or [SAMPLE]), part)
    config = target_dir.parent / CONFIG.name
    if not config.exists():
        shutil.copyfile(CONFIG, config)
    os.replace(part, target_dir / "model.onnx")


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
        problems.append(f"it lacks {_some(lacking)}")
    if unknown := sorted(state.keys() - expected):
        problems.append(f"it has the unknown {_some(unknown)}")
    if wrong := [
        f"{name} is {list(state[name].shape)} and should be {shape}"
        for name, shape in expected.items()
        if name in state and list(state[name].shape) != shape
    ]:
        problems.append(_some(wrong))
    if problems:
        raise BadWeights(f"{path.name} does not fit Wav2Lip: {'; '.join(problems)}")
    network.load_state_dict(state)
    return network.eval()


def _state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name, without the `module.` that training on several devices puts before them."""
    if not path.is_file():
        raise BadWeights(f"{path} does not exist")
    try:
        if _is_torchscript(path):
            content: Any = dict(torch.jit.load(path, map_location="cpu").state_dict())
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch each raise their own
        # Their text is not passed on: PyTorch's recommends to load the file unsafely.
        raise BadWeights(f"{path.name} cannot be read as a PyTorch checkpoint without running code of it") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise BadWeights(f"{path.name} holds no state_dict")
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def to_onnx(network: Wav2Lip) -> onnx.ModelProto:
    """The network with inputs `source` and `target` [N, ...] and output `output`, compared with the original."""
    example = {name: torch.rand(2, *shape) for name, shape in INPUTS.items()}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            # Here, for it may come in train mode, where batch norm looks at the batch.
            network.eval(),
            tuple(example.values()),
            buffer,  # type: ignore[arg-type]  # a file object works too
            input_names=list(INPUTS),
            output_names=["output"],
            dynamic_axes={name: {0: "N"} for name in (*INPUTS, "output")},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    with torch.no_grad():
        wanted = network.eval()(*example.values()).numpy()
    difference = float(np.abs(_run(model, {name: tensor.numpy() for name, tensor in example.items()}) - wanted).max())
    if difference > TOLERANCE:
        raise BadWeights(f"the exported network differs from the checkpoint by {difference:.2g}")
    return model


def load_onnx(path: Path) -> onnx.ModelProto:
    """A ready network, checked and able to take any batch; what `to_onnx` returns."""
    if not path.is_file():
        raise BadWeights(f"{path} does not exist")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and onnx each raise their own
        raise BadWeights(f"{path.name} is not an ONNX file: {_first_line(error)}") from error
    graph = model.graph
    constants = {constant.name for constant in graph.initializer}
    inputs = {value.name: value for value in graph.input if value.name not in constants}
    problems = []
    if inputs.keys() != INPUTS.keys():
        problems.append(f"its inputs are {_some(sorted(inputs))} and should be source (mel) and target (face)")
    if len(graph.output) != 1:
        problems.append(f"it has {len(graph.output)} outputs and should have 1")
    problems += [text for name, shape in INPUTS.items() if name in inputs and (text := _misfit(inputs[name], shape))]
    if problems:
        raise BadWeights(f"{path.name} does not fit Wav2Lip: {'; '.join(problems)}")
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
        together = _run(model, example)
        alone = [_run(model, {name: array[k : k + 1] for name, array in example.items()}) for k in range(2)]
    except Exception as error:  # OpenVINO raises many kinds
        raise BadWeights(f"{name} does not run with batches of 1 and of 2: {_first_line(error)}") from error
    if together.shape != (2, *FACE):
        raise BadWeights(f"{name} does not fit Wav2Lip: its output is {list(together.shape[1:])}, not {list(FACE)}")
    if np.abs(together - np.concatenate(alone)).max() > TOLERANCE:
        raise BadWeights(f"{name} lets the faces of a batch influence each other: export it in eval mode")
    return model


def wrap(network: onnx.ModelProto) -> onnx.ModelProto:
    """The network between uint8 pictures: mel float [N, 80, 16], face uint8 [N, 96, 96, 3] RGB -> image, like face."""
    opset = next(entry.version for entry in network.opset_import if entry.domain in ("", "ai.onnx"))
    versions = f'<ir_version: {IR_VERSION}, opset_import: ["": {opset}]>'
    mask = ", ".join("1" if row < 48 else "0" for row in range(96))
    before = parser.parse_model(f"""{versions}
        before (float[N, 80, 16] mel, uint8[N, 96, 96, 3] face)
            => (float[N, 1, 80, 16] source, float[N, 6, 96, 96] target)
        <
            int64[4] channel_first = {{0, 1, 80, 16}}, int64[3] bgr = {{2, 1, 0}}, float white = {{255}},
            float[1, 1, 96, 1] upper_half = {{{mask}}}
        > {{
            source = Reshape(mel, channel_first)
            pixels = Cast<to = 1>(face)
            planes = Transpose<perm = [0, 3, 1, 2]>(pixels)
            swapped = Gather<axis = 1>(planes, bgr)
            reference = Div(swapped, white)
            masked = Mul(reference, upper_half)
            target = Concat<axis = 1>(masked, reference)
        }}""")
    after = parser.parse_model(f"""{versions}
        after (float[N, 3, 96, 96] drawn) => (uint8[N, 96, 96, 3] image)
        <
            int64[3] rgb = {{2, 1, 0}}, float zero = {{0}}, float one = {{1}}, float full = {{255}},
            float half = {{0.5}}
        > {{
            raised = Max(drawn, zero)
            clipped = Min(raised, one)
            scaled = Mul(clipped, full)
            rounded = Add(scaled, half)
            ordered = Gather<axis = 1>(rounded, rgb)
            drawn_pixels = Transpose<perm = [0, 2, 3, 1]>(ordered)
            image = Cast<to = 2>(drawn_pixels)
        }}""")
    inner = compose.add_prefix(network, "network/")
    inner.ir_version = IR_VERSION
    joined = compose.merge_models(before, inner, [(name, f"network/{name}") for name in INPUTS])
    joined = compose.merge_models(joined, after, [(inner.graph.output[0].name, "drawn")])
    joined.graph.name = "wav2lip"
    # Each part brought its own.
    versions_of = {entry.domain: entry.version for entry in joined.opset_import}
    del joined.opset_import[:]
    joined.opset_import.extend(starmap(onnx.helper.make_opsetid, versions_of.items()))
    onnx.checker.check_model(joined)
    return joined


def in_int8(wrapped: onnx.ModelProto, clips: Sequence[Path]) -> onnx.ModelProto:
    """What `wrap` returned in 8-bit integers, with ranges from these clips, in more kinds of light than they show.

    Raises BadWeights where a clip cannot be used, or where the faces come out too differently.
    """
    try:
        from export.calibration import recorded_inputs, varied
        from export.int8 import quantised
    except ImportError as error:
        raise BadWeights(f"--int8 wants ONNX Runtime: pip install '.[cpu]' or '.[gpu]' ({error})") from error
    samples = recorded_inputs("wav2lip", clips, 2 * FACES)
    if (count := len(samples["face"])) < LEAST_FACES:
        raise BadWeights(f"--int8 needs clips that show a face {LEAST_FACES} times; here it is {count}")
    ranges, unseen = ({name: array[k::2] for name, array in samples.items()} for k in range(2))
    try:
        rounded = quantised(wrapped, varied(ranges))
    except Exception as error:  # ONNX and ONNX Runtime raise many kinds
        raise BadWeights(f"this network cannot be made in 8-bit integers: {_first_line(error)}") from error
    unseen = varied(unseen, seed=1)
    wanted, found = (_run(model, unseen)[:, 48:].astype(np.float32) for model in (wrapped, rounded))
    psnr = 10 * np.log10(255**2 / max(float(((found - wanted) ** 2).mean()), 1e-6))
    if psnr < LEAST_PSNR:
        raise BadWeights(f"in 8-bit integers this network draws other faces (PSNR {psnr:.1f} dB): leave --int8 out")
    print(f"The lower face of {len(found)} pictures in 8-bit integers against floating point: PSNR {psnr:.1f} dB")
    return rounded


def _run(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    core = openvino.Core()
    network = core.compile_model(core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(network(dict(inputs))[0])


def _some(names: Iterable[str], most: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0]
