"""The donor's face through talking clips: tracked, freed of head pose, and how it changes as the mouth opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from digital_human.core.landmarks import CHIN, LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, SUBNASALE
from training.face_mesh import STEADY, FaceMesh, track

Float = npt.NDArray[np.float64]
Uint8 = npt.NDArray[np.uint8]

FOREHEAD = 10
JUMP = 0.05
"""Movement of the whole face in one frame, over the inter-ocular distance, at which the mesh has not settled on it."""


@dataclass(frozen=True)
class Faces:
    """Frames of one clip with a sure face.

    images:    F pictures, uint8 [H, W, 3] RGB
    points:    float64 [F, 468, 3], landmarks in pixels
    canonical: float64 [F, 468, 3], the same with head pose removed
    affine:    float64 [F, 2, 3], canonical plane of the lips, x and y -> pixels
    turn:      float64 [F], degrees away from looking straight ahead
    """

    images: list[Uint8]
    points: Float
    canonical: Float
    affine: Float
    turn: Float


def read(path: Path, mesh: FaceMesh) -> tuple[list[Uint8], Float]:
    images: list[Uint8] = []

    def decode() -> Iterator[Uint8]:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                images.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                yield images[-1]

    points = track(decode(), mesh)
    sure = np.isfinite(points).all(axis=(1, 2))
    steps = np.linalg.norm(np.diff(points[:, STEADY, :2].mean(axis=1), axis=0, prepend=np.nan), axis=1)
    sure &= steps < JUMP * eye_distance(points)
    kept = np.flatnonzero(sure)
    return [images[i] for i in kept], points[kept]


def eye_distance(points: Float) -> Float:
    middle = [points[..., eye, :2].mean(axis=-2) for eye in (RIGHT_EYE, LEFT_EYE)]
    result: Float = np.linalg.norm(middle[0] - middle[1], axis=-1)
    return result


def aperture_of(canonical: Float) -> Float:
    result: Float = np.linalg.norm(canonical[..., 13, :2] - canonical[..., 14, :2], axis=-1)
    return result


def _width(canonical: Float) -> Float:
    result: Float = np.linalg.norm(canonical[..., MOUTH_CORNERS[0], :2] - canonical[..., MOUTH_CORNERS[1], :2], axis=-1)
    return result


def _similarity(model: Float, points: Float) -> tuple[float, Float, Float]:
    """Scale, rotation and shift that lay `model` on `points` (Umeyama 1991)."""
    centre, target = model.mean(axis=0), points.mean(axis=0)
    u, s, vt = np.linalg.svd((points - target).T @ (model - centre))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = (u * sign) @ vt
    scale = float((s * sign).sum() / ((model - centre) ** 2).sum())
    return scale, turn, target - scale * turn @ centre


def _upright(face: Float) -> Float:
    """One face turned to look straight ahead: eyes along x, chin below, origin under the nose, unit their distance."""
    across = face[LEFT_EYE].mean(axis=0) - face[RIGHT_EYE].mean(axis=0)
    x = across / np.linalg.norm(across)
    down = face[CHIN] - face[FOREHEAD]
    y = down - x * (down @ x)
    y /= np.linalg.norm(y)
    result: Float = (face - face[SUBNASALE]) @ np.stack([x, y, np.cross(x, y)]).T / np.linalg.norm(across)
    return result


def reference_face(points: Float) -> Float:
    """[468, 3], the mean face of all frames in the canonical pose."""
    steady = list(STEADY)
    mean = _upright(points[0])
    for _ in range(3):
        poses = [_similarity(mean[steady], p[steady]) for p in points]
        mean = np.mean([(p - t) @ r / s for p, (s, r, t) in zip(points, poses, strict=True)], axis=0)
        mean = _upright(mean)
    return mean


def align(images: list[Uint8], points: Float, reference: Float) -> Faces:
    steady = list(STEADY)
    depth = reference[[13, 14], 2].mean()
    canonical, affine, turn = [], [], []
    for p in points:
        scale, rotation, shift = _similarity(reference[steady], p[steady])
        canonical.append((p - shift) @ rotation / scale)
        linear = scale * rotation[:2, :2]
        affine.append(np.column_stack([linear, scale * rotation[:2, 2] * depth + shift[:2]]))
        turn.append(np.degrees(np.arccos(np.clip(rotation[2, 2], -1, 1))))
    return Faces(images, points, np.array(canonical), np.array(affine), np.array(turn))


def opening_of(canonical: Float) -> tuple[Float, Float]:
    """The closed face [468, 3], and the change of every vertex [4, 468, 3] per opening, its square, widening and their
    product, by ridge regression; opening and widening are over the closed face, in inter-ocular distances."""
    aperture, width = aperture_of(canonical), _width(canonical)
    least = np.percentile(aperture, 2)
    closed = aperture <= np.percentile(aperture, 6)
    a, w = aperture - least, width - np.median(width[closed])
    terms = np.column_stack([np.ones_like(a), a, a * a, w, a * w])
    ridge = np.diag([1e-6, 1e-3, 1e-3, 1e-2, 1e-2])
    flat = canonical.reshape(len(canonical), -1)
    fitted = np.linalg.solve(terms.T @ terms + ridge, terms.T @ flat).reshape(5, -1, 3)
    return fitted[0], fitted[1:]
