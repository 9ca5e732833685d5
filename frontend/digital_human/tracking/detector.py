"""Face detection in single frames: from the detector's raw output to boxes in frame pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digital_human.core.frame import Float32, Float64, Frame, Uint8, warp_rgb
from digital_human.core.types import MIN_FACE_SCORE, Models

INPUT_SIZE = 192
MAX_OVERLAP = 0.3
"""Candidates whose intersection over union is larger are one face."""
# Key points of the detector.
RIGHT_EYE, LEFT_EYE = 0, 1


@dataclass(frozen=True)
class Detection:
    """One face.

    box:       float32 [4], x0, y0, x1, y1 in frame pixels
    keypoints: float32 [6, 2], eyes (the person's right one first), nose tip, mouth, ears, in frame pixels
    score:     0-1
    """

    box: Float32
    keypoints: Float32
    score: float

    @property
    def centre(self) -> Float32:
        return (self.box[:2] + self.box[2:]) / 2

    @property
    def size(self) -> float:
        """The longer side, in pixels."""
        return float((self.box[2:] - self.box[:2]).max())


def detect(frames: Sequence[Frame], models: Models, affines: Sequence[Float64] | None = None) -> list[list[Detection]]:
    """Faces of each frame, the highest score first.

    affines: float64 [2, 3] for each frame, frame pixels -> pixels of the detector's input; the whole frame by default
    """
    if affines is None:
        affines = [letterbox(frame.width, frame.height) for frame in frames]
    images = [_fit(frame, affine) for frame, affine in zip(frames, affines, strict=True)]
    outputs = models.infer("face_detector", {"image": np.stack(images)})
    boxes, keypoints, scores = (np.asarray(outputs[name], np.float32) for name in ("boxes", "keypoints", "scores"))
    found = []
    for k, affine in enumerate(affines):
        likely = scores[k] >= MIN_FACE_SCORE
        merged = weighted_nms(boxes[k][likely], keypoints[k][likely], scores[k][likely])
        found.append([_in_frame(detection, affine) for detection in merged])
    return found


def letterbox(width: int, height: int) -> Float64:
    """float64 [2, 3], frame pixels -> pixels of the detector's square input, with the whole frame centred in it."""
    scale = INPUT_SIZE / max(width, height)
    offset = (INPUT_SIZE - np.array([width, height]) * scale) / 2
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])


def weighted_nms(boxes: Float32, keypoints: Float32, scores: Float32) -> list[Detection]:
    """Weighted non-maximum suppression: the candidates of a face are averaged by score, which steadies the box.

    boxes: float32 [K, 4]; keypoints: float32 [K, 6, 2]; scores: float32 [K]
    """
    merged = []
    left = np.argsort(-scores)
    while left.size:
        same = overlap(boxes[left[0]], boxes[left]) > MAX_OVERLAP
        same[0] = True
        group, weight = left[same], scores[left[same]]
        merged.append(
            Detection(
                np.average(boxes[group], axis=0, weights=weight).astype(np.float32),
                np.average(keypoints[group], axis=0, weights=weight).astype(np.float32),
                float(weight[0]),
            )
        )
        left = left[~same]
    return merged


def _fit(frame: Frame, affine: Float64) -> Uint8:
    image = warp_rgb(frame, affine, INPUT_SIZE)
    # The detector was trained with black bars, not with a repeated edge.
    x, y = np.maximum(np.rint(affine[:, 2]), 0).astype(int)
    far = affine[:, 2] + affine[0, 0] * np.array([frame.width, frame.height])
    right, bottom = np.rint(np.maximum(INPUT_SIZE - far, 0)).astype(int)
    image[:y], image[INPUT_SIZE - bottom :] = 0, 0
    image[:, :x], image[:, INPUT_SIZE - right :] = 0, 0
    return image


def _in_frame(detection: Detection, affine: Float64) -> Detection:
    scale, offset = affine[0, 0], affine[:, 2]
    box = (detection.box.reshape(2, 2) * INPUT_SIZE - offset) / scale
    keypoints = (detection.keypoints * INPUT_SIZE - offset) / scale
    return Detection(box.ravel().astype(np.float32), keypoints.astype(np.float32), detection.score)


def overlap(box: Float32, boxes: Float32) -> Float32:
    """Intersection over union of one box [4] with many [K, 4]."""
    extent = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    intersection = np.clip(extent, 0, None).prod(-1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(-1) - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9), np.float32)
