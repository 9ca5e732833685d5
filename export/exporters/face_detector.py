"""Face detector: BlazeFace full range (MediaPipe 0.10.14, Apache-2.0), 192x192.

Inside the graph: uint8 to [-1, 1], the network, decoding of boxes and key points at their anchors, sigmoid of the
score. Left to the caller: letterboxing, threshold and non-maximum suppression.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto

from export.graph import Graph
from export.mediapipe_weights import weights
from export.tflite_to_onnx import append

SIZE = 192
CELLS = 48
ANCHORS = CELLS * CELLS
KEYPOINTS = 6


def export(target_dir: Path) -> None:
    graph = Graph("face_detector")
    image = graph.input("image", TensorProto.UINT8, [SIZE, SIZE, 3])
    pixels = graph.node("Transpose", graph.node("Cast", image, to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    scaled = graph.node("Add", graph.node("Mul", pixels, graph.constant(2 / 255)), graph.constant(-1.0))
    raw, logits = append(graph, weights("face_detection_full_range_sparse.tflite"), scaled)

    # One anchor in the middle of each cell. The network speaks in pixels of its input, relative to the anchor.
    middle = (np.arange(CELLS, dtype=np.float32) + 0.5) / CELLS
    anchors = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(1, ANCHORS, 2)
    normalised = graph.node("Mul", raw, graph.constant(1 / SIZE))
    centre, extent, points = graph.nodes("Split", normalised, graph.integers([2, 2, 2 * KEYPOINTS]), count=3, axis=2)
    centre = graph.node("Add", centre, graph.constant(anchors))
    half = graph.node("Mul", extent, graph.constant(0.5))
    boxes = graph.node("Concat", graph.node("Sub", centre, half), graph.node("Add", centre, half), axis=2)
    points = graph.node("Reshape", points, graph.integers([0, ANCHORS, KEYPOINTS, 2]))
    points = graph.node("Add", points, graph.constant(anchors[:, :, None]))
    scores = graph.node("Sigmoid", graph.node("Squeeze", logits, graph.integers([2])))

    graph.output(boxes, "boxes", [ANCHORS, 4])
    graph.output(points, "keypoints", [ANCHORS, KEYPOINTS, 2])
    graph.output(scores, "scores", [ANCHORS])
    graph.save(target_dir / "model.onnx")
