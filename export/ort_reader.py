"""Reads the constants of a model in onnxruntime's own format (.ort), with 8-bit matrices brought back to float32.

The format is a flatbuffer; of its schema (`ort.fbs` of onnxruntime) this knows the few tables that hold constants and
the names of the nodes that use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers.table import Table

Array = np.ndarray[Any, Any]

_IDENTIFIER = b"ORTM"
_DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 10: np.float16}
"""ONNX TensorProto.DataType -> NumPy's."""

# Offsets of fields in their tables' vtables.
_SESSION_MODEL, _MODEL_GRAPH = 6, 18
_GRAPH_INITIALIZERS, _GRAPH_NODES = 4, 8
_TENSOR_NAME, _TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_DATA = 4, 8, 10, 12
_NODE_NAME, _NODE_OPERATOR, _NODE_INPUTS = 4, 14, 20

_QUANTISED = {"MatMulIntegerToFloat": (1, 3, 5), "DynamicQuantizeMatMul": (1, 2, 3)}
"""Operator -> which of its inputs are the 8-bit matrix, its scale and its zero point."""


def read_constants(path: Path) -> dict[str, Array]:
    """Constants by name. The matrix of an 8-bit product is float32 [in, out] and named after its node.

    Raises ValueError where the file is not of this format.
    """
    data = path.read_bytes()
    if data[4:8] != _IDENTIFIER:
        raise ValueError(f"{path} is not a model in onnxruntime's format")
    root = Table(data, int.from_bytes(data[:4], "little"))
    graph = _child(_child(root, _SESSION_MODEL), _MODEL_GRAPH)
    constants = {_text(tensor, _TENSOR_NAME): _array(tensor) for tensor in _children(graph, _GRAPH_INITIALIZERS)}
    for node in _children(graph, _GRAPH_NODES):
        places = _QUANTISED.get(_text(node, _NODE_OPERATOR))
        if places is not None:
            inputs = _texts(node, _NODE_INPUTS)
            matrix, scale, zero = (constants[inputs[place]].astype(np.float32) for place in places)
            constants[_text(node, _NODE_NAME)] = (matrix - zero) * scale
    return constants


def _offset(table: Table, field: int) -> int:
    return int(table.Offset(field))


def _child(table: Table, field: int) -> Table:
    return Table(table.Bytes, table.Indirect(table.Pos + _offset(table, field)))


def _children(table: Table, field: int) -> Iterator[Table]:
    offset = _offset(table, field)
    start = table.Vector(offset)
    for index in range(table.VectorLen(offset)):
        yield Table(table.Bytes, table.Indirect(start + 4 * index))


def _text(table: Table, field: int) -> str:
    offset = _offset(table, field)
    return bytes(table.String(table.Pos + offset)).decode() if offset else ""


def _texts(table: Table, field: int) -> list[str]:
    offset = _offset(table, field)
    start = table.Vector(offset)
    return [bytes(table.String(start + 4 * index)).decode() for index in range(table.VectorLen(offset))]


def _array(tensor: Table) -> Array:
    kind = tensor.Get(flatbuffers.number_types.Int32Flags, tensor.Pos + _offset(tensor, _TENSOR_TYPE))
    data = _numbers(tensor, _TENSOR_DATA, np.uint8).view(_DTYPES[kind])
    return data.reshape(_numbers(tensor, _TENSOR_DIMS, np.int64))


def _numbers(table: Table, field: int, dtype: type) -> Array:
    offset = _offset(table, field)
    if not offset:
        return np.zeros(0, dtype)
    count, start = table.VectorLen(offset), table.Vector(offset)
    return np.frombuffer(table.Bytes, dtype, count, start).copy()
