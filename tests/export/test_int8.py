"""A network in 8-bit integers answers nearly as in floating point."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, numpy_helper, parser
from onnxruntime.quantization import quantize_static

from export import int8
from export.int8 import quantised
from export.weight_range import LARGEST, wide_weights

ROOT = Path(__file__).parents[2]
# The weights of wav2lip are the user's own.
SHIPPED = sorted(path for path in ROOT.glob("model_repository/*/1/model.onnx") if path.parts[-3] != "wav2lip")
Pictures = npt.NDArray[np.float32]

# OpenVINO chooses its kernels by the processor, and oneDNN's variable hides instructions from it. ONNX Runtime has no
# such switch: it is tested with whatever this processor offers, and by the bound on the weights.
INSTRUCTIONS = ["DEFAULT", "AVX2", "SSE41"]
BY_OPENVINO = """
import json, sys
import numpy as np, openvino
path, pictures, answer = sys.argv[1:]
core = openvino.Core()
network = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
np.save(answer, network({"picture": np.load(pictures)})[0])
facts = [node.get_rt_info() for node in network.get_runtime_model().get_ops()]
kernels = [(fact["layerType"].astype(str), fact["primitiveType"].astype(str)) for fact in facts]
print(json.dumps([kernel for layer, kernel in kernels if layer == "Convolution"]))
"""


def small_network(opset: int) -> ModelProto:
    """Two convolutions with random weights, picture float [N, 3, 16, 16] -> the same."""
    model = parser.parse_model(f"""<ir_version: 8, opset_import: ["": {opset}]>
        small (float[N, 3, 16, 16] picture) => (float[N, 3, 16, 16] drawn)
        {{
            features = Conv<pads = [1, 1, 1, 1]>(picture, first)
            kept = Relu(features)
            drawn = Conv<pads = [1, 1, 1, 1]>(kept, second)
        }}""")
    random = np.random.default_rng(0)
    for name, shape in (("first", (8, 3, 3, 3)), ("second", (3, 8, 3, 3))):
        # Channels of different strength.
        weights = random.normal(0, 1, shape) * 1.5 ** np.arange(shape[0])[:, None, None, None]
        model.graph.initializer.append(numpy_helper.from_array(weights.astype(np.float32), name))
    return model


def pictures(seed: int) -> Pictures:
    return np.random.default_rng(seed).random((16, 3, 16, 16), np.float32)


def by_onnxruntime(model: ModelProto, batch: Pictures) -> Pictures:
    answer: Pictures = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"picture": batch})[0]
    return answer


def by_openvino(model: ModelProto, batch: Pictures, instructions: str, folder: Path) -> tuple[Pictures, list[str]]:
    """What it answers where it sees these instructions at most, and the kernels that computed the convolutions."""
    onnx.save(model, folder / "model.onnx")
    np.save(folder / "pictures.npy", batch)
    arguments = [folder / "model.onnx", folder / "pictures.npy", folder / "answer.npy"]
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": instructions}
    command = [sys.executable, "-c", BY_OPENVINO, *map(str, arguments)]
    ended = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return np.load(folder / "answer.npy"), json.loads(ended.stdout)


def error(found: Pictures, wanted: Pictures) -> float:
    """Of the worst channel, relative to its deviation."""
    return float(np.sqrt(((found - wanted) ** 2).mean((0, 2, 3)) / wanted.var((0, 2, 3))).max())


@pytest.mark.parametrize("opset", [11, 17])
def test_it_answers_nearly_the_same(opset: int) -> None:
    model = small_network(opset)
    before = model.SerializeToString()
    rounded = quantised(model, {"picture": pictures(1)})
    assert model.SerializeToString() == before
    kinds = [node.op_type for node in rounded.graph.node]
    assert "DequantizeLinear" in kinds and {node.domain for node in rounded.graph.node} == {""}
    wanted, found = (by_onnxruntime(version, pictures(2)) for version in (model, rounded))
    assert 0 < error(found, wanted) < 0.05


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_openvino_answers_nearly_the_same_with_fewer_instructions(instructions: str, tmp_path: Path) -> None:
    model = small_network(17)
    rounded = quantised(model, {"picture": pictures(1)})
    found, kernels = by_openvino(rounded, pictures(2), instructions, tmp_path)
    assert any(kernel.endswith("_I8") for kernel in kernels), kernels
    assert 0 < error(found, by_onnxruntime(model, pictures(2))) < 0.05


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86 adds products in 16 bits")
@pytest.mark.parametrize("instructions", ["AVX2", "SSE41"])
def test_weights_of_all_8_bits_would_overflow_there(
    instructions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this, the test above could pass because the instructions were not hidden."""
    model, whole = small_network(17), quantize_static
    monkeypatch.setattr(
        int8, "quantize_static", lambda *files, **options: whole(*files, **options | {"reduce_range": False})
    )
    wide = quantised(model, {"picture": pictures(1)})
    assert wide_weights(wide) == ["first_quantized"]
    found, kernels = by_openvino(wide, pictures(2), instructions, tmp_path)
    assert any(kernel.endswith("_I8") for kernel in kernels), kernels
    assert error(found, by_onnxruntime(model, pictures(2))) > 0.05


def test_two_products_of_its_weights_fit_into_16_bits() -> None:
    rounded = quantised(small_network(17), {"picture": pictures(1)})
    weights = [numpy_helper.to_array(tensor) for tensor in rounded.graph.initializer if len(tensor.dims) == 4]
    signed = [values.astype(int) for values in weights if values.dtype == np.int8]
    assert len(signed) == 1 and np.abs(signed[0]).max() == LARGEST
    assert 2 * 255 * LARGEST < 2**15
    assert wide_weights(rounded) == []


def test_no_model_that_ships_overflows() -> None:
    wide = {path.parts[-3]: wide_weights(onnx.load(path)) for path in SHIPPED}
    assert len(wide) >= 4 and not any(wide.values()), wide
