"""The range of 8-bit weights that every processor multiplies without overflow.

x86 processors without VNNI (AVX2 and older, the first with AVX-512) multiply unsigned bytes by signed ones and add two
such products in 16 bits, where the sum saturates: 2 * 255 * 127 does not fit, 2 * 255 * 64 does. ONNX Runtime and
OpenVINO both do so. A file does not know which processor will run it, so 8-bit networks keep to the narrow range
everywhere; ONNX Runtime calls that `reduce_range`, NNCF `overflow_fix`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

LARGEST = 64
"""Magnitude of a signed 8-bit weight."""


def wide_weights(model: onnx.ModelProto) -> list[str]:
    """Names of the signed 8-bit weights that go beyond LARGEST, and so may overflow on processors without VNNI."""
    return [
        tensor.name
        for tensor in _constants(model.graph)
        # Zero points of channels are signed bytes too, but have one axis.
        if tensor.data_type == onnx.TensorProto.INT8
        and len(tensor.dims) > 1
        and np.abs(numpy_helper.to_array(tensor).astype(np.int16)).max(initial=0) > LARGEST
    ]


def _constants(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        if node.op_type == "Constant":
            yield from (attribute.t for attribute in node.attribute if attribute.name == "value")
