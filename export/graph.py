"""A thin builder for ONNX graphs that are written by hand, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]

# What the oldest supported server can read: Triton 24.10 carries onnxruntime 1.19.
OPSET = 17
IR_VERSION = 8

BATCH = "N"


class Graph:
    """Collects nodes and constants; every method returns the name of the tensor it made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: int, dims: Sequence[int | str]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, [BATCH, *dims]))
        return name

    def output(self, tensor: str, name: str, dims: Sequence[int | str]) -> None:
        """Declare a float32 result, batch axis first."""
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *dims]))

    def constant(self, value: np.ndarray[Any, Any] | float | Sequence[float]) -> str:
        array = np.asarray(value, None if isinstance(value, np.ndarray) else np.float32)
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def integers(self, values: Sequence[int]) -> str:
        return self.constant(np.array(values, np.int64))

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self.nodes(op, *inputs, count=1, **attributes)[0]

    def nodes(self, op: str, *inputs: str, count: int, **attributes: Any) -> list[str]:
        """A node with several outputs."""
        names = [f"{op.lower()}_{len(self._nodes)}_{k}" for k in range(count)]
        self._nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def save(self, path: Path) -> None:
        graph = helper.make_graph(self._nodes, self.name, self._inputs, self._outputs, self._constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="export"
        )
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)


def store_in_bytes(model: onnx.ModelProto) -> None:
    """Store matrices that came from 8-bit integers as such again, in place, and compute them from there in the graph.

    Exact: these are matrices with one step between neighbouring values. Runtimes multiply in float32 as before;
    OpenVINO keeps the bytes in memory.
    """
    matrices = {node.input[1] for node in model.graph.node if node.op_type == "MatMul"}
    constants, nodes = [], []
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        found = _levels(values) if constant.name in matrices and values.dtype == np.float32 else None
        if found is None:
            constants.append(constant)
            continue
        codes, zero, step = found
        names = [f"{constant.name}.{part}" for part in ("bytes", "zero", "step", "float", "moved")]
        constants += [
            numpy_helper.from_array(array, name) for array, name in zip((codes, zero, step), names[:3], strict=True)
        ]
        nodes += [
            helper.make_node("Cast", [names[0]], [names[3]], to=TensorProto.FLOAT),
            helper.make_node("Sub", [names[3], names[1]], [names[4]]),
            helper.make_node("Mul", [names[4], names[2]], [constant.name]),
        ]
    _replace(model.graph, [*nodes, *model.graph.node], constants)


def _levels(
    values: np.ndarray[Any, Any],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """uint8 codes, zero and step with (codes - zero) * step = values, up to their rounding to float16; None if none."""
    levels = np.unique(values).astype(np.float64)
    if not 2 <= len(levels) <= 256 or levels[0] > 0 or levels[-1] < 0:
        return None
    span = levels[-1] - levels[0]
    step = min((span / count for count in range(len(levels) - 1, 256)), key=lambda step: _misfit(levels, step))
    if _misfit(levels, step) > 0.1:
        return None
    zero = np.round(-levels[0] / step)
    codes = (np.round(values / step) + zero).astype(np.uint8)
    return codes, np.asarray(zero, np.float32), np.asarray(step, np.float32)


def _misfit(levels: Array, step: float) -> float:
    """How far levels lie from multiples of a step at most, in steps."""
    return float(np.abs(np.round(levels / step) - levels / step).max())


def _replace(graph: onnx.GraphProto, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> None:
    for field, kept in (("initializer", constants), ("node", nodes)):
        graph.ClearField(field)
        getattr(graph, field).extend(kept)


def halve(model: onnx.ModelProto, smallest: int = 2048) -> None:
    """Store the float32 constants of at least `smallest` numbers in float16, in place, and cast them back in the graph.

    Runtimes fold the cast as they load, so nothing is computed in float16 and nothing depends on the processor.
    """
    constants, casts = [], []
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype == np.float32 and values.size >= smallest:
            name = f"{constant.name}.half"
            casts.append(helper.make_node("Cast", [name], [constant.name], to=TensorProto.FLOAT))
            constant = numpy_helper.from_array(values.astype(np.float16), name)
        constants.append(constant)
    _replace(model.graph, [*casts, *model.graph.node], constants)
