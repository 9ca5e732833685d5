"""A second opinion on lips: dlib's 68 points, a model that shares nothing with the face mesh.

    pip install --no-deps dlib-bin face_recognition_models

Where the two packages are missing, the benchmarks leave its columns out. It is for measuring only: the faces that the
68 points were learned from (iBUG 300-W) are not for commercial use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.core.frame import Float32, Frame

FILE = "models/shape_predictor_68_face_landmarks.dat"
BROWS = [70, 63, 105, 66, 107, 336, 296, 334, 293, 300]
VIEWS = ((0, 0, 1), (0.02, 0, 0.97), (-0.02, 0, 1.03), (0, 0.02, 1), (0, -0.02, 1))
"""Boxes about a face: shift and size, in sizes of the face. The mean over them is steadier."""


@cache
def _model() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """The landmark model, and what makes a box; None where they are not installed."""
    package = find_spec("face_recognition_models")
    if package is None or not package.submodule_search_locations or find_spec("dlib") is None:
        return None
    dlib = import_module("dlib")
    return dlib.shape_predictor(str(Path(package.submodule_search_locations[0], FILE))), dlib.rectangle


def apertures(frames: Sequence[Frame], mesh: Float32) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """Opening between the inner lips in inter-ocular distances, [n]; None where the model is missing.

    mesh: points of the face mesh [n, 468, 3]; they only say where the face is
    """
    model = _model()
    if model is None:
        return None
    find, rectangle = model
    found = []
    for frame, points in zip(frames, mesh, strict=True):
        (left, _), (right, chin) = points[:, :2].min(0), points[:, :2].max(0)
        brow, middle = points[BROWS, 1].min(), (left + right) / 2
        side = 0.95 * max(chin - brow, right - left)
        luma, seen = np.ascontiguousarray(frame.planes[0]), []
        for x, y, size in VIEWS:
            corner = np.array([middle + (x - size / 2) * side, brow + (y - 0.02 * size) * side])
            box = rectangle(*(int(v) for v in (*corner, *(corner + size * side))))
            seen.append([(point.x, point.y) for point in find(luma, box).parts()])
        found.append(np.mean(seen, 0))
    shapes = np.array(found)
    eyes = np.linalg.norm(shapes[:, 36:42].mean(1) - shapes[:, 42:48].mean(1), axis=1)
    return np.linalg.norm(shapes[:, 61:64].mean(1) - shapes[:, 65:68].mean(1), axis=1) / eyes  # type: ignore[no-any-return]
