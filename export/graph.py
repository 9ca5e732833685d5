"""A thin builder for ONNX graphs that are written by hand, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

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
    nodes = [*casts, *model.graph.node]
    for field, kept in (("initializer", constants), ("node", nodes)):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(kept)
