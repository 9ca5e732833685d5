"""Reads a TensorFlow Lite flatbuffer: its operators in order and its constants as dense float32 arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite

Array = np.ndarray[Any, Any]

_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
# Operators that only change how a constant is stored; they are carried out while reading.
_STORAGE = ("DENSIFY", "DEQUANTIZE")


@dataclass(frozen=True)
class Operator:
    """op: name in TFLite's schema; inputs and outputs: tensor numbers, -1 where an optional input is absent."""

    op: str
    inputs: list[int]
    outputs: list[int]
    options: Any


class Model:
    """One model with one subgraph.

    inputs, outputs: tensor numbers
    constants:       tensor number -> float32 or int32 array, TFLite's layout, sparse weights densified
    """

    def __init__(self, path: Path) -> None:
        self._model = tflite.Model.GetRootAs(path.read_bytes(), 0)
        self._graph = self._model.Subgraphs(0)
        self.inputs: list[int] = self._graph.InputsAsNumpy().tolist()
        self.outputs: list[int] = self._graph.OutputsAsNumpy().tolist()
        self.constants: dict[int, Array] = {}
        for number in range(self._graph.TensorsLength()):
            if self._model.Buffers(self._graph.Tensors(number).Buffer()).DataLength():
                self.constants[number] = self._constant(number)
        for operator in self._all():
            if operator.op in _STORAGE and operator.inputs[0] in self.constants:
                self.constants[operator.outputs[0]] = self.constants[operator.inputs[0]]

    def shape(self, number: int) -> list[int]:
        return list(self._graph.Tensors(number).ShapeAsNumpy().tolist())

    def operators(self) -> Iterator[Operator]:
        """Those that compute something, in an order in which they can run."""
        return (o for o in self._all() if o.outputs[0] not in self.constants)

    def _all(self) -> Iterator[Operator]:
        for k in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(k)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            # Newer files use BuiltinCode, older ones the narrow field; the other one is smaller.
            op = tflite.opcode2name(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
            yield Operator(
                op, operator.InputsAsNumpy().tolist(), operator.OutputsAsNumpy().tolist(), operator.BuiltinOptions()
            )

    def _constant(self, number: int) -> Array:
        tensor = self._graph.Tensors(number)
        raw = self._model.Buffers(tensor.Buffer()).DataAsNumpy()
        values = np.frombuffer(raw.tobytes(), _DTYPES[tensor.Type()])
        shape = self.shape(number)
        sparsity = tensor.Sparsity()
        array = values.reshape(shape) if sparsity is None else _densify(values, shape, sparsity)
        return array.astype(np.float32) if array.dtype == np.float16 else array


def _densify(values: Array, shape: list[int], sparsity: Any) -> Array:
    """Unpack TFLite's sparse format: a tree whose levels are the (possibly blocked) dimensions in traversal order.

    A dense level has every index; a CSR level has segments of the indices that are there.
    """
    order = sparsity.TraversalOrderAsNumpy()
    blocks = sparsity.BlockMapAsNumpy() if sparsity.BlockMapLength() else []
    rank = len(shape)
    levels = [sparsity.DimMetadata(k) for k in range(sparsity.DimMetadataLength())]
    block_size = {int(dim): levels[rank + k].DenseSize() for k, dim in enumerate(blocks)}

    # One row for each node of the level reached so far: its index along each level above.
    paths = np.zeros((1, 0), np.int64)
    for level in levels:
        if level.Format() == tflite.DimensionType.DENSE:
            parent = np.repeat(np.arange(len(paths)), level.DenseSize())
            index = np.tile(np.arange(level.DenseSize()), len(paths))
        else:
            segments = _indices(level.ArraySegmentsType(), level.ArraySegments())
            parent = np.repeat(np.arange(len(paths)), np.diff(segments))
            index = _indices(level.ArrayIndicesType(), level.ArrayIndices())
        paths = np.concatenate([paths[parent], index[:, None]], axis=1)

    position = np.zeros((len(paths), rank), np.int64)
    for level_number, dim in enumerate(order):
        if dim < rank:
            position[:, dim] += paths[:, level_number] * block_size.get(int(dim), 1)
        else:
            position[:, blocks[dim - rank]] += paths[:, level_number]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(position.T)] = values
    return dense


def _indices(kind: int, table: Any) -> Array:
    vector = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)
