"""Landmarks averaged over time."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32
from digital_human.tracking.tracker import smooth


def still_face(count: int) -> Float32:
    """Landmarks of a face that holds still, its eyes 100 pixels apart."""
    landmarks = np.zeros((count, mesh.VERTICES, 3), np.float32)
    landmarks[:, mesh.LEFT_EYE, 0] = 100
    return landmarks


def test_smoothing_spares_the_lips_and_stops_at_gaps() -> None:
    landmarks = still_face(7)
    landmarks[2, :, 1] = 1
    landmarks[5, :, 1] = 100
    present = np.array([True, True, True, True, False, False, True])
    result = smooth(landmarks, present)
    nose, lip = result[:, 1, 1], result[:, mesh.LIPS[0], 1]
    assert nose[:4].tolist() == pytest.approx([0, 0.2, 0.6, 0.2])
    assert lip[:4].tolist() == pytest.approx([0, 0.1, 0.8, 0.1])
    assert nose[6] == 0


def test_smoothing_leaves_a_face_that_jumps_to_and_fro_where_it_is() -> None:
    landmarks = still_face(9)
    landmarks[::2, :, 1] = 40
    assert (smooth(landmarks, np.ones(9, np.bool_)) == landmarks).all()


def test_smoothing_stops_at_cuts() -> None:
    landmarks = still_face(6)
    landmarks[3:, :, 1] = 8
    every = np.ones(6, np.bool_)
    assert (smooth(landmarks, every) != landmarks).any()
    assert (smooth(landmarks, every, np.array([0, 0, 0, 1, 1, 1])) == landmarks).all()
