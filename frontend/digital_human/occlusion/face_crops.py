"""Square crops of the lower face in one pose: the same person's mouth lies in the same place in all of them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.cover import HALF, UNIT
from digital_human.core.frame import Float32
from digital_human.engines.exemplar import head_pose

BELOW = 0.15
"""A crop's centre lies this far below the middle between the corners of the mouth, inter-ocular distances."""

Affine = npt.NDArray[np.float64]


def to_crops(reference: Float32, landmarks: Float32) -> Affine:
    """Maps from frame pixels to crop pixels, float64 [n, 2, 3].

    reference: the person's mean face [468, 3]; landmarks: float32 [n, 468, 3], frame pixels
    """
    upright = _upright(reference)
    middle = upright[mesh.MOUTH_CORNERS].mean(0) + np.array([0, BELOW, 0], np.float32)
    poses = head_pose.fit(upright, landmarks)
    step, first = 1 / UNIT, (0.5 / UNIT) - HALF
    maps = []
    for scale, rotation, shift in zip(poses.scale, poses.rotation, poses.translation, strict=True):
        plane = (scale * rotation[:2, :2]).astype(np.float64)
        corner = scale * rotation[:2] @ middle + shift[:2] + plane @ np.full(2, first)
        maps.append(cv2.invertAffineTransform(np.column_stack([plane * step, corner])))
    return np.array(maps)


def transformed(maps: Affine, points: Float32) -> Float32:
    """Points [n, K, 2] through maps [n, 2, 3]."""
    turned = np.einsum("nij,nkj->nki", maps[:, :, :2], points) + maps[:, None, :, 2]
    return np.asarray(turned, np.float32)


def _upright(reference: Float32) -> Float32:
    """The face turned in its plane so that the eyes are level."""
    across = reference[mesh.LEFT_EYE, :2].mean(0) - reference[mesh.RIGHT_EYE, :2].mean(0)
    x, y = across / np.linalg.norm(across)
    return (reference @ np.array([[x, y, 0], [-y, x, 0], [0, 0, 1]]).T).astype(np.float32)  # type: ignore[no-any-return]
