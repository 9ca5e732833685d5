"""The arithmetic of exemplars: geometry, curves and fields, on faces that are made up."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32
from digital_human.engines.exemplar import (
    appearance,
    head_pose,
    lip_geometry,
    rbf,
    retargeting,
)
from digital_human.engines.exemplar.analysis import most_varied

CLOSED = -1.095
"""Standard aperture of a shut mouth, as speech_to_lips predicts it."""
LIMITS = np.array([0.02, 0.05, 0.08, 0.12, 0.16, 0.25], np.float32)
WIDTH_LIMITS = np.array([0.7, 0.8, 0.9, 0.04], np.float32)


def zeros(count: int) -> Float32:
    return np.zeros(count, np.float32)


def made_up_face() -> Float32:
    """A cloud of 468 points with two eyes one unit apart."""
    points = np.random.default_rng(0).normal(0, 0.6, (468, 3)).astype(np.float32)
    points[mesh.RIGHT_EYE] = [[-0.6, -0.8, 0], [-0.4, -0.8, 0]]
    points[mesh.LEFT_EYE] = [[0.4, -0.8, 0], [0.6, -0.8, 0]]
    return points


class TestPose:
    def test_a_known_pose_is_found(self) -> None:
        reference = made_up_face()
        rotation = cv2.Rodrigues(np.array([0.1, 0.4, -0.2]))[0].astype(np.float32)
        landmarks = 120 * reference @ rotation.T + np.array([300, 200, 5], np.float32)
        found = head_pose.fit(reference, landmarks[None])
        assert found.scale[0] == pytest.approx(120, rel=1e-4)
        assert np.allclose(found.rotation[0], rotation, atol=1e-4)
        assert np.allclose(found.to_shape(landmarks[None])[0], reference, atol=1e-3)

    def test_a_face_that_only_turns_keeps_its_shape(self) -> None:
        turns = [cv2.Rodrigues(np.array([0.0, yaw, 0.0]))[0].astype(np.float32) for yaw in (-0.3, 0.0, 0.3)]
        landmarks = np.stack([90 * made_up_face() @ turn.T + 200 for turn in turns]).astype(np.float32)
        reference = head_pose.canonical_face(landmarks)
        poses = head_pose.fit(reference, landmarks)
        shapes = poses.to_shape(landmarks)
        assert np.abs(shapes - shapes[0]).max() < 1e-3
        yaw = head_pose.angles(poses)[:, 1]
        assert yaw[2] - yaw[0] == pytest.approx(np.degrees(0.6), abs=0.5)
        assert lip_geometry.interocular(reference) == pytest.approx(1, abs=1e-4)


class TestWarp:
    @pytest.fixture
    def points(self) -> Float32:
        return np.random.default_rng(1).uniform(0, 100, (2, 20, 2)).astype(np.float32)

    def test_the_field_takes_the_displacements(self, points: Float32) -> None:
        moves = np.random.default_rng(2).normal(0, 3, points.shape).astype(np.float32)
        reach = np.full(2, 60, np.float32)
        weights = rbf.coefficients(points, moves, reach, ridge=0)
        distance = np.linalg.norm(points[:, :, None] - points[:, None], axis=3) / 60
        assert np.allclose(rbf.wendland(distance.astype(np.float32)) @ weights, moves, atol=0.02)

    def test_points_that_are_not_held_have_no_say(self, points: Float32) -> None:
        moves = np.random.default_rng(2).normal(0, 3, points.shape).astype(np.float32)
        reach = np.full(2, 60, np.float32)
        held = np.arange(20) < np.array([[15], [12]])
        weights = rbf.coefficients(points, moves, reach, 0, held)
        assert (weights[~held] == 0).all()
        alone = rbf.coefficients(points[:1, :15], moves[:1, :15], reach[:1], 0)
        assert np.allclose(weights[:1, :15], alone, atol=0.02)

    def test_it_ends_at_its_reach(self) -> None:
        assert np.array_equal(rbf.wendland(np.array([1.0, 1.5, 9.0], np.float32)), [0, 0, 0])
        assert rbf.wendland(zeros(1))[0] == 1

    def test_an_affine_map_is_found(self, points: Float32) -> None:
        linear, shift = np.array([[1.1, 0.2], [-0.1, 0.9]], np.float32), np.array([5, -3], np.float32)
        target = (points @ linear + shift).astype(np.float32)
        assert np.allclose(rbf.apply(rbf.affine(points, target), points), target, atol=1e-2)


class TestCurves:
    def test_more_is_wider_and_never_more_than_the_person_does(self) -> None:
        standard = np.linspace(-3, 6, 200).astype(np.float32)
        opening = retargeting.aperture(standard, zeros(200), LIMITS)
        assert (np.diff(opening) >= -1e-6).all()
        assert opening[0] == LIMITS[0]
        assert LIMITS[-1] <= opening[-1] <= 1.1 * LIMITS[-1]

    def test_an_aperture_that_touches_shuts_the_mouth_and_silence_alone_does_not(self) -> None:
        silence = np.array([0, 0, 0, 1], np.float32)
        opening = retargeting.aperture(np.array([1.5, CLOSED, 1.5, 1.5], np.float32), silence, LIMITS)
        assert opening[1] == LIMITS[0]
        assert opening[0] == opening[2] == opening[3] > 0.15

    @pytest.mark.parametrize("strength", [0.5, 0.8, 1.2, 1.5])
    def test_strength_moves_the_opening_about_the_shut_mouth_and_keeps_it_drawable(self, strength: float) -> None:
        opening = retargeting.aperture(np.linspace(-3, 6, 200).astype(np.float32), zeros(200), LIMITS)
        changed = retargeting.strengthened(opening, strength, LIMITS)
        shut, middle = opening <= LIMITS[0], (opening > LIMITS[0]) & (opening < LIMITS[3])
        assert shut.any() and (changed[shut] == LIMITS[0]).all(), "what is shut stays shut"
        assert np.allclose(changed[middle] - LIMITS[0], strength * (opening[middle] - LIMITS[0]), atol=1e-6)
        assert (np.diff(changed) >= -1e-6).all()
        assert changed.max() < 1.25 * LIMITS[-1]

    def test_strength_one_changes_nothing(self) -> None:
        opening = retargeting.aperture(np.linspace(-3, 6, 200).astype(np.float32), zeros(200), LIMITS)
        assert np.allclose(retargeting.strengthened(opening, 1.0, LIMITS), opening, atol=1e-7)

    def test_width_comes_to_rest_and_stays_in_range(self) -> None:
        standard = np.array([9, 9, 9, -9, -9, -9], np.float32)
        moving = retargeting.width(standard, zeros(6), WIDTH_LIMITS, 0.83)
        assert moving.min() >= WIDTH_LIMITS[0] and moving.max() <= WIDTH_LIMITS[2]
        assert np.allclose(retargeting.width(standard, np.ones(6, np.float32), WIDTH_LIMITS, 0.83), 0.83)

    def test_lips_rest_wider_than_they_speak_but_only_as_this_persons_shut_ones_do(self) -> None:
        width = np.linspace(0.7, 0.9, 21).astype(np.float32)
        analysis = {
            "exemplar_frame": np.arange(21),
            "limits": LIMITS,
            "width_limits": WIDTH_LIMITS,
            "aperture": np.full(21, LIMITS[0], np.float32),
            "width": width,
        }
        wider = WIDTH_LIMITS[1] + retargeting.RESTING_WIDTH * WIDTH_LIMITS[3]
        assert retargeting.resting_width(analysis) == pytest.approx(wider)
        narrow = {**analysis, "aperture": np.where(width < 0.76, LIMITS[0], LIMITS[-1])}
        assert retargeting.resting_width(narrow) == pytest.approx(np.percentile(width[width < 0.76], 97))
        assert retargeting.resting_width({**analysis, "aperture": np.ones(21)}) == WIDTH_LIMITS[1]
        assert retargeting.resting_width({"width_limits": WIDTH_LIMITS}) == WIDTH_LIMITS[1], "a donor's mouth"


def test_a_long_template_keeps_varied_runs() -> None:
    rng = np.random.default_rng(0)
    features = np.zeros((2000, 2), np.float32)
    features[:, 0] = rng.normal(0, 0.1, 2000)
    features[1200:1212] += 5
    kept = most_varied(features, 120)
    assert len(kept) <= 120
    assert set(range(1200, 1212)) <= set(kept)
    assert np.array_equal(kept, np.unique(kept))


def test_a_timid_reading_is_strengthened_but_soft_words_stay_soft() -> None:
    swing = np.sin(np.arange(200) / 3).astype(np.float32)
    timid = retargeting.aperture(0.6 * swing - 0.3, zeros(200), LIMITS)
    assert np.percentile(timid, 95) > 0.8 * LIMITS[-2]
    few = retargeting.aperture(0.6 * swing[:8] - 0.3, zeros(8), LIMITS)
    assert few.max() < timid.max()


class TestPixels:
    def test_sharpening_makes_edges_of_luma_stronger_and_leaves_the_rest_alone(self) -> None:
        picture = np.full((24 * 3 // 2, 16), 100, np.uint8)
        picture[:24, 8:] = 150
        picture[24:] = np.random.default_rng(0).integers(0, 256, (12, 16), np.uint8)
        sharp = appearance.sharpened(picture, 0.4)
        assert np.array_equal(sharp[24:], picture[24:])
        assert np.array_equal(sharp[:24, [0, 6, 9, 15]], picture[:24, [0, 6, 9, 15]])
        assert (sharp[:24, 7] == 95).all() and (sharp[:24, 8] == 155).all()
