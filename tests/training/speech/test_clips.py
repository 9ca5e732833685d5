"""Measures and windows of real clips."""

import random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("soxr")

from digital_human.core.landmarks import CHIN, LOWER_LIP_EDGE
from export.networks.speech_to_lips import LIPS, SAMPLE_RATE
from training.face_mesh import STEADY
from training.speech.clips import Clip, lip_shape
from training.speech.corpus import RealClips, scales


def face(seed: int = 0) -> npt.NDArray[Any]:
    """468 points, upright, eyes 60 px apart, that a mesh might give."""
    points = np.random.default_rng(seed).normal(0, 40, (468, 3))
    for eye, x in (((33, 133), -30), ((362, 263), 30)):
        points[list(eye)] = (x, -20, 0)
    points[10], points[CHIN] = (0, -80, 0), (0, 80, 0)
    return points


def turn(points: npt.NDArray[Any], degrees: float) -> npt.NDArray[Any]:
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    result: npt.NDArray[Any] = points @ matrix.T
    return result


def test_lip_shape_does_not_see_the_head_move_or_come_nearer() -> None:
    still = face()
    moved = np.stack([still, turn(still, 12) * 1.4 + [50, -20, 5], turn(still, -20) * 0.7])
    shape = lip_shape(moved)
    assert np.abs(shape - shape[0]).max() < 1e-4


def test_a_dropped_lip_opens_and_a_dropped_chin_counts_as_jaw() -> None:
    frames = np.stack([face(), face()])
    assert LOWER_LIP_EDGE not in STEADY
    frames[1, LOWER_LIP_EDGE, 1] += 6
    frames[1, CHIN, 1] += 6
    shape = lip_shape(frames)
    assert shape[1, LIPS.index("jaw")] - shape[0, LIPS.index("jaw")] == pytest.approx(0.1, abs=1e-3)
    assert shape[1, LIPS.index("aperture")] != shape[0, LIPS.index("aperture")]


def test_targets_lie_at_the_instants_of_their_frames() -> None:
    times = (np.arange(100) + 0.5) / 25
    lips = np.repeat(np.sin(times * 9)[:, None], len(LIPS), axis=1).astype(np.float32)
    audio = (np.sin(np.arange(4 * SAMPLE_RATE) * 0.2) * 0.3).astype(np.float32)
    clip = Clip("a_b", "a", audio, times, lips)
    late = 0.08
    batch = RealClips([clip], {"a": scales([clip])["a"]}, {"a_b": late}).batch(1, 380, random.Random(3))
    used = batch.weight[0] > 0
    assert 40 < used.sum() < 100
    standard = scales([clip])["a"].standard(lips)[:, 0]
    # the window starts somewhere in the clip and may be faster: the curve must be the same, in order
    got = batch.lips[0, used, 0].numpy()
    assert any(np.allclose(got[:20], standard[k : k + 20], atol=1e-5) for k in range(80))
    steps = np.diff(batch.instant[0, used].numpy()[:20])
    assert np.allclose(steps, steps[0], atol=1e-3)
