"""A network in 8-bit integers answers nearly as in floating point."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, numpy_helper, parser

from export.int8 import quantised


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


@pytest.mark.parametrize("opset", [11, 17])
def test_it_answers_nearly_the_same(opset: int) -> None:
    model = small_network(opset)
    before = model.SerializeToString()
    pictures = np.random.default_rng(1).random((32, 3, 16, 16), np.float32)
    rounded = quantised(model, {"picture": pictures[:16]})
    assert model.SerializeToString() == before
    kinds = [node.op_type for node in rounded.graph.node]
    assert "DequantizeLinear" in kinds and {node.domain for node in rounded.graph.node} == {""}
    wanted, found = (
        onnxruntime.InferenceSession(version.SerializeToString()).run(None, {"picture": pictures[16:]})[0]
        for version in (model, rounded)
    )
    error = np.sqrt(((found - wanted) ** 2).mean((0, 2, 3)) / wanted.var((0, 2, 3)))
    assert 0 < error.max() < 0.05
