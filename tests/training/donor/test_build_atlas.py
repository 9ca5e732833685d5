"""The donor's atlas: poses taken away, lips cut off."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.landmarks import LEFT_EYE, RIGHT_EYE
from training.donor import faces, views


def made_up_face() -> npt.NDArray[Any]:
    points = np.random.default_rng(1).normal(0, 0.6, (468, 3))
    points[list(RIGHT_EYE)] = [[-0.6, -0.8, 0], [-0.4, -0.8, 0]]
    points[list(LEFT_EYE)] = [[0.4, -0.8, 0], [0.6, -0.8, 0]]
    return points


def test_head_pose_is_taken_away() -> None:
    turns = [cv2.Rodrigues(np.array([0.1, yaw, 0.05]))[0] for yaw in (-0.2, 0.0, 0.2)]
    points = np.stack([100 * made_up_face() @ turn.T + 300 for turn in turns])
    clip = faces.align([], points, faces.reference_face(points))
    assert np.abs(clip.canonical - clip.canonical[0]).max() < 1e-6


def test_the_mouth_is_cut_along_the_lips() -> None:
    """Lips are red, skin is brown, the mouth between them dark with a row of teeth; the mesh sees too little of it."""
    rows, columns = views.SIZE
    picture = np.full((rows, columns, 3), (150, 110, 90), np.uint8)

    def ellipse(half_width: float, half_height: float) -> npt.NDArray[Any]:
        angle = np.linspace(np.pi, -np.pi, 20, endpoint=False)
        return np.stack([72 + half_width * np.cos(angle), 40 + half_height * np.sin(angle)], axis=1)

    noise = np.random.default_rng(0).integers(-6, 7, picture.shape)
    cv2.fillPoly(picture, [ellipse(52, 26).round().astype(np.int32)], (170, 60, 70))
    cv2.fillPoly(picture, [ellipse(44, 14).round().astype(np.int32)], (30, 12, 14))
    picture[30:37, 45:100] = (225, 222, 215)
    picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    edge = views.inner_edge(picture, ellipse(44, 8), ellipse(52, 26))
    assert abs(edge[15, 1] - 26) < 4
    assert abs(edge[5, 1] - 54) < 4
