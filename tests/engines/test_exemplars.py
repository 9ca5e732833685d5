"""The arithmetic of exemplars: geometry, curves, retrieval and fields, on faces that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Float64
from digital_human.core.types import Arrays
from digital_human.engines.exemplar import (
    appearance,
    head_pose,
    lip_geometry,
    native,
    rbf,
    retargeting,
    retrieval,
    second_choice,
    speech_to_lips,
)
from digital_human.engines.exemplar.analysis import cover
from digital_human.engines.exemplar.atlas import Atlas

CLOSED = -1.095
"""Standard aperture of a shut mouth, as the network tells it."""
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

    def test_width_rests_at_the_median_and_stays_in_range(self) -> None:
        standard = np.array([9, 9, 9, -9, -9, -9], np.float32)
        moving = retargeting.width(standard, zeros(6), WIDTH_LIMITS)
        assert moving.min() >= WIDTH_LIMITS[0] and moving.max() <= WIDTH_LIMITS[2]
        assert np.allclose(retargeting.width(standard, np.ones(6, np.float32), WIDTH_LIMITS), WIDTH_LIMITS[1])


def atlas_of(aperture: Float32 | Float64) -> Atlas:
    """An atlas whose exemplars differ in their opening only; their looks differ as much as that does."""
    count = len(aperture)
    appearance_distance = np.abs(aperture[:, None] - aperture) / 0.02
    small = np.zeros((count, 1), np.float32)
    return Atlas(
        size=np.array([16, 16, 16, 16, 16, 16]),
        reference=np.zeros((468, 3), np.float32),
        control=np.arange(3),
        near=np.arange(2),
        regression=np.zeros((3, 468, 3), np.float32),
        jaw_curve=np.zeros((count, 2), np.float32),
        limits=LIMITS,
        width_limits=WIDTH_LIMITS,
        angles=np.zeros((count, 3), np.float32),
        shot=np.zeros(count, np.int64),
        exemplar_frame=np.arange(count),
        exemplar_pixels=np.zeros((count, 24, 16), np.uint8),
        exemplar_origin=np.zeros((count, 2), np.int64),
        aperture=aperture.astype(np.float32),
        width=np.full(count, 0.8, np.float32),
        aperture_bias=small[:, 0],
        slope=np.gradient(aperture).astype(np.float32),
        shape_residual=small[:, 0],
        gap=small[:, 0],
        lip_compression=small[:, 0],
        lip_edge=np.zeros((count, 2, 9), np.float32),
        fastest=np.full(2, np.inf, np.float32),
        flaw=small[:, 0],
        blur=small[:, 0],
        appearance_distance=appearance_distance.astype(np.float32),
    )


class TestRetrieval:
    @pytest.fixture
    def atlas(self) -> Atlas:
        time = np.arange(200)
        return atlas_of(0.12 + 0.1 * np.sin(time / 4) * np.sin(time / 31))

    def test_a_curve_of_the_template_finds_its_own_frames(self, atlas: Atlas) -> None:
        frame_indices = np.arange(40, 90)
        chosen = retrieval.choose(atlas, atlas.aperture[frame_indices], atlas.width[frame_indices], frame_indices)
        assert np.array_equal(chosen, frame_indices)

    def test_windows_leave_no_seam(self, atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
        frame_indices = np.arange(190)
        curve = atlas.aperture[frame_indices]
        in_windows = retrieval.choose(atlas, curve, atlas.width[frame_indices], frame_indices)
        monkeypatch.setattr(retrieval, "WINDOW", 1000)
        assert np.array_equal(in_windows, retrieval.choose(atlas, curve, atlas.width[frame_indices], frame_indices))

    def test_only_what_the_template_shows_next_to_each_other_follows_for_less_than_a_jump(self) -> None:
        frames = np.array([3, 4, 5, 9, 10, 12, 30])
        appearance_distance = np.random.default_rng(0).uniform(0, 10, (7, 7)).astype(np.float32)
        change = retrieval._change(frames, appearance_distance, np.zeros(31, np.int64))
        near = {1: 0.0, 0: 0.6, -1: 0.8, 2: 0.8}
        for after in range(7):
            for before in range(7):
                jump = 3 + min(appearance_distance[before, after], np.float32(8))
                cost = near.get(int(frames[after] - frames[before]), jump)
                assert change[after, before] == pytest.approx(cost)

    def test_nothing_continues_or_fades_across_a_cut(self, atlas: Atlas) -> None:
        atlas = replace(atlas, shot=(np.arange(200) >= 95).astype(np.int64))
        frame_indices = np.arange(90, 100)
        plan = native.arrange(atlas, atlas.aperture[frame_indices], atlas.width[frame_indices], frame_indices)
        around = plan.arrays["around"]
        assert np.array_equal(around[:, 1], frame_indices)
        assert around[4].tolist() == [93, 94, 94] and around[5].tolist() == [95, 95, 96]
        assert not plan.arrays["weight"].any()
        change = retrieval._change(atlas.exemplar_frame, atlas.appearance_distance, atlas.shot)
        assert change[94, 93] == 0 and change[95, 94] >= 3 and change[96, 95] == 0

    def test_exemplars_of_the_same_shot_come_first(self) -> None:
        twice = atlas_of(np.tile(np.linspace(0.03, 0.3, 30), 2))
        atlas = replace(twice, shot=np.repeat([0, 1], 30))
        for shown in (np.arange(30), np.arange(30, 60)):
            chosen = retrieval.choose(atlas, atlas.aperture[shown], atlas.width[shown], shown)
            assert (atlas.shot[chosen] == atlas.shot[shown]).all()

    def test_an_atlas_stored_without_shots_is_one_shot(self, atlas: Atlas) -> None:
        arrays = {name: array for name, array in atlas.to_arrays().items() if name != "shot"}
        assert not Atlas.from_arrays(arrays).shot.any()

    def test_the_chosen_mouths_follow_any_curve(self, atlas: Atlas) -> None:
        time = np.arange(150)
        curve = (0.12 + 0.08 * np.sin(time / 3)).astype(np.float32)
        chosen = retrieval.choose(atlas, curve, np.full(150, 0.8, np.float32), time)
        assert np.corrcoef(atlas.aperture[chosen], curve)[0, 1] > 0.97

    def test_the_second_choice_is_from_another_moment_and_as_open(self, atlas: Atlas) -> None:
        shown = np.arange(60, 70)
        plan = native.arrange(atlas, atlas.aperture[shown], atlas.width[shown], shown)
        others = [second_choice.other_plan(atlas.to_arrays(), plan, attempt) for attempt in (0, 1)]
        found = (np.asarray(other.arrays["around"], np.int64)[:, 1] for other in others if other is not None)
        chosen = [shown, *found]
        assert len(chosen) == 3
        for k, one in enumerate(chosen[1:], 1):
            assert all((np.abs(one - before) >= second_choice.AWAY).all() for before in chosen[:k])
            assert np.abs(atlas.aperture[one] - atlas.aperture[shown]).max() < 0.02
        assert (
            second_choice.other_plan(replace(atlas, exemplar_frame=np.zeros(200, np.int64)).to_arrays(), plan, 0)
            is None
        )

    def test_only_equally_open_mouths_are_mixed(self, atlas: Atlas) -> None:
        openings = np.array([0.02, 0.10, 0.20, 0.101, 0.2], np.float32)
        atlas = atlas_of(openings.repeat(4))
        chosen = np.array([4, 5, 12, 13, 16, 17, 4])
        other, weight = retrieval.fades(atlas, chosen, atlas.aperture[chosen], np.zeros(7, np.bool_))
        assert list(other[1:3]) == [12, 5] and (weight[1:3] > 0.3).all(), "0.10 and 0.101"
        assert (weight[3:5] == 0).all(), "0.101 and 0.2"


class Listening:
    """A network that hears the sample values themselves: aperture = first sample of each instant."""

    def __init__(self) -> None:
        self.longest = 0

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, npt.NDArray[np.generic]]:
        assert model == "speech_to_lips"
        samples = np.asarray(inputs["audio"], np.float32)[:, 80::160]
        self.longest = max(self.longest, samples.shape[1])
        lips = np.stack([samples, 2 * samples, samples, samples, samples], 2)
        return {"lips": lips, "aperture": samples, "silence": np.zeros_like(samples)}


class TestSpeech:
    @pytest.mark.parametrize("seconds", [0.02, 1.0, 8.01, 10.0, 10.01, 12.34, 30.0])
    def test_speech_of_any_length_has_no_seam(self, seconds: float) -> None:
        audio = np.sin(np.arange(int(seconds * 16000)) / 9000).astype(np.float32)
        count = max(1, int(seconds * 25))
        model = Listening()
        curves = speech_to_lips.predict_lips(audio, count, Fraction(25), model)
        wanted = np.sin((np.arange(count) + 0.5) / 25 * 16000 / 9000)
        assert curves.aperture.shape == curves.silence.shape == (count,)
        if seconds >= 1:
            assert np.allclose(curves.aperture, wanted, atol=0.02)
            assert np.allclose(curves.width, 2 * wanted, atol=0.04)
        assert model.longest <= speech_to_lips.WINDOW

    def test_a_short_closure_is_not_missed_between_frames(self) -> None:
        audio = np.ones(16000, np.float32)
        audio[8000:8160] = CLOSED
        curves = speech_to_lips.predict_lips(audio, 25, Fraction(25), Listening())
        assert curves.aperture.min() == pytest.approx(CLOSED)
        assert (curves.aperture < 1).sum() <= 2

    @pytest.mark.parametrize("instants", [1, 49, 999, 1000, 1001, 1799, 6001])
    def test_windows_are_equally_long_and_few_lengths_occur(self, instants: int) -> None:
        windows = speech_to_lips.windows(instants)
        lengths = {stop - start for start, stop in windows}
        assert len(lengths) == 1 and lengths.pop() % speech_to_lips.STEP == 0
        assert windows[0][0] == 0 and windows[-1][1] >= instants
        assert all(before[1] - after[0] >= speech_to_lips.OVERLAP - 1 for before, after in pairwise(windows))


def test_a_long_template_keeps_varied_runs() -> None:
    rng = np.random.default_rng(0)
    features = np.zeros((2000, 2), np.float32)
    features[:, 0] = rng.normal(0, 0.1, 2000)
    features[1200:1212] += 5
    kept = cover(features, 120)
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
