"""468 landmarks of a face in a *region*: a square, rotated so that the eyes are level.

A region is float64 [4]: centre x, centre y, side in frame pixels, angle in radians (clockwise, as y points down).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Float64, Frame, warp_rgb
from digital_human.core.types import MIN_FACE_SCORE, Models
from digital_human.tracking.detector import LEFT_EYE, RIGHT_EYE, Detection

INPUT_SIZE = 192
MARGIN = 1.5
"""Side of a region over the size of the face, as in the model's training."""
VIEWS = ((1.0, 0.0), (0.97, -0.06), (1.03, 0.06))
"""Relative side and additional angle of each view. Landmarks averaged over slightly different crops are steadier."""

SAME_FACE = 1.2
"""Largest `region_distance` between two regions of one face."""
RETRIES = 4
"""How often a frame may run again because the face lies elsewhere in it."""


def predict_landmarks(
    frames: Sequence[Frame], regions: Float64, models: Models, views: int = 1
) -> tuple[Float32, Float32]:
    """Landmarks float32 [N, 468, 3] in frame pixels and scores float32 [N], 0-1, of one face per frame.

    regions: float64 [N, 4]
    views: how many of `VIEWS` are averaged
    """
    if not frames:
        return np.zeros((0, mesh.VERTICES, 3), np.float32), np.zeros(0, np.float32)
    seen = [
        (frame, region * [1, 1, side, 1] + [0, 0, 0, angle])
        for frame, region in zip(frames, regions, strict=True)
        for side, angle in VIEWS[:views]
    ]
    affines = [affine(region) for _, region in seen]
    crops = np.stack([warp_rgb(frame, a, INPUT_SIZE) for (frame, _), a in zip(seen, affines, strict=True)])
    outputs = models.infer("face_mesh", {"face": crops})
    found = [
        _in_frame(landmarks, a) for landmarks, a in zip(outputs["landmarks"].astype(np.float32), affines, strict=True)
    ]
    landmarks = np.stack(found).reshape(len(frames), views, mesh.VERTICES, 3).mean(1)
    return landmarks, outputs["score"].reshape(len(frames), views).astype(np.float32).mean(1)


def refine(frames: Sequence[Frame], regions: Float64, models: Models, views: int = 1) -> tuple[Float32, Float32]:
    """Landmarks and scores in these regions, run again where the landmarks show that the face lies elsewhere."""
    landmarks, score = predict_landmarks(frames, regions, models, views)
    for _ in range(RETRIES):
        where = regions_of_landmarks(landmarks)
        again = np.flatnonzero((score >= MIN_FACE_SCORE) & has_moved(regions, where))
        if not again.size:
            break
        regions = regions.copy()
        regions[again] = where[again]
        landmarks[again], score[again] = predict_landmarks([frames[i] for i in again], regions[again], models, views)
    return landmarks, score


def affine(region: Float64) -> Float64:
    """float64 [2, 3], frame pixels -> pixels of the model's crop."""
    x, y, side, angle = region
    matrix = cv2.getRotationMatrix2D((x, y), np.degrees(angle), INPUT_SIZE / side)
    shift = np.array([[0, 0, INPUT_SIZE / 2 - x], [0, 0, INPUT_SIZE / 2 - y]])
    return np.asarray(matrix + shift, np.float64)


def region_of_detection(face: Detection) -> Float64:
    eyes = face.keypoints[LEFT_EYE] - face.keypoints[RIGHT_EYE]
    return np.array([*face.centre, MARGIN * face.size, np.arctan2(eyes[1], eyes[0])])


def regions_of_landmarks(landmarks: Float32) -> Float64:
    """float32 [N, 468, 3] -> float64 [N, 4]."""
    low, high = landmarks[..., :2].min(1), landmarks[..., :2].max(1)
    eyes = landmarks[:, mesh.LEFT_EYE_OUTER, :2] - landmarks[:, mesh.RIGHT_EYE_OUTER, :2]
    side, angle = MARGIN * (high - low).max(-1), np.arctan2(eyes[:, 1], eyes[:, 0])
    return np.column_stack([(low + high) / 2, side, angle]).astype(np.float64)


def has_moved(before: Float64, after: Float64) -> npt.NDArray[np.bool_]:
    """bool [N], whether regions differ so much that landmarks suffer. before, after: float64 [N, 4]."""
    shift = np.linalg.norm(after[:, :2] - before[:, :2], axis=1) / after[:, 2]
    scale = np.abs(np.log(after[:, 2] / before[:, 2]))
    turn = np.abs(shortest_turn(after[:, 3] - before[:, 3]))
    return np.asarray((shift > 0.05) | (scale > 0.10) | (turn > 0.10))


def between(first: Float64, second: Float64, share: float) -> Float64:
    """Interpolate between regions: `first` at share 0, `second` at share 1."""
    step = second - first
    step[3] = shortest_turn(step[3])
    return np.asarray(first + share * step, np.float64)


def region_distance(first: Float64, second: Float64) -> float:
    """Distance of two regions in sizes of the larger face; a change of size counts like a shift."""
    shift = np.linalg.norm(first[:2] - second[:2]) / (max(first[2], second[2]) / MARGIN)
    return float(shift + abs(np.log(first[2] / second[2])))


def inside(landmarks: Float32, frame: Frame) -> npt.NDArray[np.bool_]:
    """bool [n], whether the middle of the face lies inside the frame."""
    middle = landmarks[..., :2].mean(1)
    return np.asarray(((middle >= 0) & (middle < [frame.width, frame.height])).all(-1))


def shortest_turn(angle: Float64) -> Float64:
    """Wrap an angle to -pi..pi."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi, np.float64)


def _in_frame(landmarks: Float32, matrix: Float64) -> Float32:
    """float32 [468, 3] in crop pixels -> frame pixels; z by the scale of the crop."""
    inverse = cv2.invertAffineTransform(matrix)
    points = landmarks[:, :2] @ inverse[:, :2].T + inverse[:, 2]
    depth = landmarks[:, 2:] * np.sqrt(abs(np.linalg.det(inverse[:, :2])))
    return np.asarray(np.concatenate([points, depth], axis=1), np.float32)
