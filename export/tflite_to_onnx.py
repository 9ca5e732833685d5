"""Turns a convolutional TensorFlow Lite model into ONNX nodes: NHWC becomes NCHW, the batch axis becomes free.

Only what the MediaPipe face networks use is understood; anything else raises NotImplementedError by name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tflite

from export.graph import Graph
from export.tflite_reader import Array, Model, Operator

_ACTIVATIONS = {
    tflite.ActivationFunctionType.NONE: None,
    tflite.ActivationFunctionType.RELU: "Relu",
}
# Axes of an NHWC tensor in the order that makes it NCHW.
_NCHW = (0, 3, 1, 2)
_NHWC = (0, 2, 3, 1)


def append(graph: Graph, path: Path, image: str) -> list[str]:
    """Append the model's operators to `graph`.

    image: name of a float32 [N, 3, H, W] tensor, already in the range the model wants
    Returns the names of the model's outputs in its own order; rank 4 is [N, C, H, W], other ranks are as in the model.
    """
    return _Converter(graph, Model(path)).run(image)


class _Converter:
    def __init__(self, graph: Graph, model: Model) -> None:
        self.graph = graph
        self.model = model
        self.names: dict[int, str] = {}
        self.handlers: dict[str, Callable[[Operator], str]] = {
            "ADD": lambda o: self._elementwise("Add", o),
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._depthwise,
            "DEPTH_TO_SPACE": self._depth_to_space,
            "MAX_POOL_2D": self._max_pool,
            "PAD": self._pad,
            "PRELU": lambda o: self._elementwise("PRelu", o),
            "RESHAPE": self._reshape,
            "RESIZE_BILINEAR": self._resize,
        }

    def run(self, image: str) -> list[str]:
        self.names[self.model.inputs[0]] = image
        for operator in self.model.operators():
            if operator.op not in self.handlers:
                raise NotImplementedError(f"TFLite operator {operator.op}")
            self.names[operator.outputs[0]] = self.handlers[operator.op](operator)
        return [self.names[number] for number in self.model.outputs]

    def _options(self, operator: Operator, kind: type) -> object:
        options = kind()
        options.Init(operator.options.Bytes, operator.options.Pos)
        return options

    def _tensor(self, number: int) -> str:
        """Name of a tensor; a constant [..., C] becomes one that broadcasts against [N, C, H, W]."""
        if number not in self.names:
            array = self.model.constants[number]
            array = array.reshape((1,) * (4 - array.ndim) + array.shape).transpose(_NCHW)
            # ONNX's PRelu wants a slope without the batch axis; for addition it makes no difference.
            self.names[number] = self.graph.constant(array[0])
        return self.names[number]

    def _activate(self, tensor: str, function: int) -> str:
        if function not in _ACTIVATIONS:
            raise NotImplementedError(f"TFLite activation {function}")
        op = _ACTIVATIONS[function]
        return self.graph.node(op, tensor) if op else tensor

    def _padding(self, scheme: int, number: int, kernel: tuple[int, int], strides: list[int]) -> list[int]:
        """Pads as ONNX orders them (top, left, bottom, right). TensorFlow's SAME puts the odd pixel at the end."""
        if scheme == tflite.Padding.VALID:
            return [0, 0, 0, 0]
        before, after = [], []
        for size, extent, stride in zip(self.model.shape(number)[1:3], kernel, strides, strict=True):
            total = max((-(-size // stride) - 1) * stride + extent - size, 0)
            before.append(total // 2)
            after.append(total - total // 2)
        return before + after

    def _elementwise(self, op: str, operator: Operator) -> str:
        result = self.graph.node(op, *(self._tensor(number) for number in operator.inputs))
        if op != "Add":
            return result
        options = self._options(operator, tflite.AddOptions)
        return self._activate(result, options.FusedActivationFunction())  # type: ignore[attr-defined]

    def _convolution(self, operator: Operator) -> str:
        # [out, h, w, in] -> [out, in, h, w]
        weight = self.model.constants[operator.inputs[1]].transpose(_NCHW)
        return self._conv(operator, weight, 1, self._options(operator, tflite.Conv2DOptions))

    def _depthwise(self, operator: Operator) -> str:
        # [1, h, w, channels] -> [channels, 1, h, w]
        weight = self.model.constants[operator.inputs[1]].transpose(3, 0, 1, 2)
        return self._conv(operator, weight, weight.shape[0], self._options(operator, tflite.DepthwiseConv2DOptions))

    def _conv(self, operator: Operator, weight: Array, groups: int, options: object) -> str:
        source, _, bias = operator.inputs
        strides = [options.StrideH(), options.StrideW()]  # type: ignore[attr-defined]
        kernel = weight.shape[2], weight.shape[3]
        result = self.graph.node(
            "Conv",
            self.names[source],
            self.graph.constant(weight),
            self.graph.constant(self.model.constants[bias]),
            group=groups,
            kernel_shape=kernel,
            strides=strides,
            pads=self._padding(options.Padding(), source, kernel, strides),  # type: ignore[attr-defined]
        )
        return self._activate(result, options.FusedActivationFunction())  # type: ignore[attr-defined]

    def _max_pool(self, operator: Operator) -> str:
        options = self._options(operator, tflite.Pool2DOptions)
        kernel = (options.FilterHeight(), options.FilterWidth())  # type: ignore[attr-defined]
        strides = [options.StrideH(), options.StrideW()]  # type: ignore[attr-defined]
        pads = self._padding(options.Padding(), operator.inputs[0], kernel, strides)  # type: ignore[attr-defined]
        source = self.names[operator.inputs[0]]
        return self.graph.node("MaxPool", source, kernel_shape=kernel, strides=strides, pads=pads)

    def _pad(self, operator: Operator) -> str:
        # [4, 2] rows N, H, W, C -> all the befores, then all the afters, in the order N, C, H, W
        amounts = self.model.constants[operator.inputs[1]][list(_NCHW)]
        return self.graph.node("Pad", self.names[operator.inputs[0]], self.graph.integers(amounts.T.ravel().tolist()))

    def _depth_to_space(self, operator: Operator) -> str:
        options = self._options(operator, tflite.DepthToSpaceOptions)
        # DCR is TensorFlow's order: the position inside the block is the slower part of the channel index.
        return self.graph.node(
            "DepthToSpace",
            self.names[operator.inputs[0]],
            blocksize=options.BlockSize(),  # type: ignore[attr-defined]
            mode="DCR",
        )

    def _reshape(self, operator: Operator) -> str:
        source = self.graph.node("Transpose", self.names[operator.inputs[0]], perm=_NHWC)
        shape = [0, *self.model.shape(operator.outputs[0])[1:]]
        return self.graph.node("Reshape", source, self.graph.integers(shape))

    def _resize(self, operator: Operator) -> str:
        options = self._options(operator, tflite.ResizeBilinearOptions)
        if options.AlignCorners():  # type: ignore[attr-defined]
            mode = "align_corners"
        else:
            mode = "half_pixel" if options.HalfPixelCenters() else "asymmetric"  # type: ignore[attr-defined]
        before = self.model.shape(operator.inputs[0])[1:3]
        after = self.model.shape(operator.outputs[0])[1:3]
        scales = np.array([1, 1, after[0] / before[0], after[1] / before[1]], np.float32)
        return self.graph.node(
            "Resize",
            self.names[operator.inputs[0]],
            "",
            self.graph.constant(scales),
            mode="linear",
            coordinate_transformation_mode=mode,
        )
