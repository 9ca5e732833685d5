"""The face mesh on the frames of a clip, and which of its 468 landmarks training looks at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from digital_human.core.landmarks import LEFT_EYE, RIGHT_EYE

FACE_MESH = Path(__file__).parents[1] / "model_repository" / "face_mesh" / "1" / "model.onnx"

STEADY = (10, 151, 9, 8, 168, 6, 197, 195, 33, 133, 362, 263, 127, 356, 54, 284, 67, 297, 21, 251)
"""Forehead, nose bridge, eye corners and temples: what speech does not move. The networks were trained with these."""

CROPS = ((1.5, 0.0, 0.0, 0.0), (1.38, 0.02, -0.02, 0.05), (1.62, -0.02, 0.02, -0.05), (1.5, -0.02, -0.02, 0.03))
"""(size over the face's own, shift right, shift down, turn in radians): the mesh is averaged over them, since its
answer for one crop is noisy."""
FIRST_BOXES = ((0.5, 0.45, 0.8), (0.5, 0.4, 0.5), (0.5, 0.5, 1.0), (0.4, 0.45, 0.6), (0.6, 0.45, 0.6))
"""Where a face may be before one is found: centre over width and height, size over the shorter side."""
SURE = 0.7


class FaceMesh:
    """The face mesh of the model repository on one CPU thread."""

    SIZE = 192

    def __init__(self, path: Path = FACE_MESH) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(
        self, image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        """Landmarks [N, 468, 3] in pixels of the image and scores [N] for boxes (x, y, size, radians) [N, 4]."""
        crops, inverses = [], []
        for x, y, size, turn in boxes:
            matrix = np.asarray(cv2.getRotationMatrix2D((x, y), np.degrees(turn), self.SIZE / size), np.float64)
            matrix[:, 2] += self.SIZE / 2 - np.array([x, y])
            crops.append(cv2.warpAffine(image, matrix, (self.SIZE, self.SIZE), flags=cv2.INTER_LINEAR))
            inverses.append(cv2.invertAffineTransform(matrix))
        points, scores = self._session.run(["landmarks", "score"], {"face": np.stack(crops)})
        inverse = np.stack(inverses)
        flat = np.einsum("nij,npj->npi", inverse[:, :, :2], points[:, :, :2]) + inverse[:, None, :, 2]
        depth = points[:, :, 2:] * boxes[:, None, 2:3] / self.SIZE
        return np.concatenate([flat, depth], axis=2), scores[:, 0]


def _box_of(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(x, y, size, radians) of the face that landmarks [468, 3] outline."""
    across = points[LEFT_EYE[1]] - points[RIGHT_EYE[0]]
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return np.array([*(low + high) / 2, (high - low).max(), np.arctan2(across[1], across[0])])


def track(images: Iterator[npt.NDArray[np.uint8]], mesh: FaceMesh) -> npt.NDArray[np.float64]:
    """Landmarks [F, 468, 3] of the face in each frame, averaged over crops; nan where none is sure."""
    tracked: list[npt.NDArray[np.float64]] = []
    box: npt.NDArray[np.float64] | None = None
    for image in images:
        if box is None:
            box = _find(image, mesh)
        points = np.full((468, 3), np.nan)
        if box is not None:
            x, y, size, turn = box
            boxes = np.array([[x + right * size, y + down * size, wide * size, turn + lean]
                              for wide, right, down, lean in CROPS])  # fmt: skip
            found, scores = mesh(image, boxes)
            box = _box_of(found.mean(axis=0)) if scores.mean() > SURE else None
            if box is not None:
                points = found.mean(axis=0)
        tracked.append(points)
    return np.stack(tracked)


def _find(image: npt.NDArray[np.uint8], mesh: FaceMesh) -> npt.NDArray[np.float64] | None:
    height, width = image.shape[:2]
    best: tuple[float, npt.NDArray[np.float64]] | None = None
    for across, down, size in FIRST_BOXES:
        box = np.array([[across * width, down * height, size * min(width, height), 0.0]])
        for _ in range(3):
            points, scores = mesh(image, box)
            face = _box_of(points[0])
            box = (face * [1, 1, 1.5, 1])[None]
        if best is None or scores[0] > best[0]:
            best = (float(scores[0]), face)
    return best[1] if best is not None and best[0] > SURE else None
