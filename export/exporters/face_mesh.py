"""Face mesh, 468 points: MediaPipe Face Mesh (0.10.14, Apache-2.0), 192x192 crop of one face.

Inside the graph: uint8 to [0, 1], the network, sigmoid of the score. Left to the caller: the crop.
"""

from __future__ import annotations

from pathlib import Path

from onnx import TensorProto

from export.graph import Graph
from export.mediapipe_weights import weights
from export.tflite_to_onnx import append

SIZE = 192
POINTS = 468


def export(target_dir: Path) -> None:
    graph = Graph("face_mesh")
    face = graph.input("face", TensorProto.UINT8, [SIZE, SIZE, 3])
    pixels = graph.node("Transpose", graph.node("Cast", face, to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    raw, logit = append(graph, weights("face_landmark.tflite"), graph.node("Mul", pixels, graph.constant(1 / 255)))
    landmarks = graph.node("Reshape", raw, graph.integers([0, POINTS, 3]))
    score = graph.node("Sigmoid", graph.node("Reshape", logit, graph.integers([0, 1])))
    graph.output(landmarks, "landmarks", [POINTS, 3])
    graph.output(score, "score", [1])
    graph.save(target_dir / "model.onnx")
