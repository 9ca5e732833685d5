"""Choosing mouths from an atlas whose exemplars are made up."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Float64
from digital_human.core.types import FaceTrack, Template
from digital_human.engines.exemplar import (
    native,
    own_lips,
    retrieval,
    second_choice,
)
from digital_human.engines.exemplar.atlas import Atlas

LIMITS = np.array([0.02, 0.05, 0.08, 0.12, 0.16, 0.25], np.float32)
WIDTH_LIMITS = np.array([0.7, 0.8, 0.9, 0.04], np.float32)


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
        own=np.zeros((count, 3), np.float32),
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
        pulls_faces=np.array(False),
        blur=small[:, 0],
        appearance_distance=appearance_distance.astype(np.float32),
    )


class TestOwnLips:
    def test_where_the_frames_own_lips_take_over_they_are_drawn(self) -> None:
        aperture = (0.12 + 0.1 * np.sin(np.arange(200) / 4)).astype(np.float32)
        share = np.clip((np.arange(200) - 100) / 4, 0, 1).astype(np.float32)
        own = np.stack([share, aperture, np.full(200, 0.85, np.float32)], 1)
        atlas = replace(atlas_of(aperture), own=own)
        wanted, width = np.full(200, 0.03, np.float32), np.full(200, 0.8, np.float32)
        plan = native.arrange(atlas, wanted, width, np.arange(200))
        assert plan.aperture is not None
        assert np.allclose(plan.aperture[:100], wanted[:100])
        assert np.abs(plan.aperture[104:] - aperture[104:]).max() < 0.01
        assert np.allclose(plan.arrays["width"][104:], 0.85)

    def test_one_odd_measure_of_them_does_not_count(self) -> None:
        landmarks = np.full((9, 468, 3), 100, np.float32)
        landmarks[:, mesh.RIGHT_EYE, 0], landmarks[:, mesh.LEFT_EYE, 0] = 80, 120
        track = FaceTrack(landmarks, np.ones(9, np.float32), np.ones(9, np.bool_))
        template = Template(200, 200, Fraction(25), 9, track, lambda: iter(()))
        seen = np.full(9, 0.3, np.float32)
        seen[4] = 0.01
        own = own_lips.measure(template, np.arange(9), seen, seen)
        assert np.allclose(own[:, 1], 0.3) and not own[:, 0].any()


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

    def test_the_last_choice_opens_less(self, atlas: Atlas) -> None:
        shown = np.arange(60, 70)
        plan = native.arrange(atlas, atlas.aperture[shown], atlas.width[shown], shown)
        last = second_choice.other_plan(atlas.to_arrays(), plan, second_choice.LIKEWISE)
        assert last is not None and last.aperture is not None and plan.aperture is not None
        np.testing.assert_allclose(last.aperture, second_choice.NARROWER * plan.aperture, rtol=1e-6)
        chosen = np.asarray(last.arrays["around"], np.int64)[:, 1]
        assert np.abs(atlas.aperture[chosen] - last.aperture).max() < 0.02

    def test_only_equally_open_mouths_are_mixed(self, atlas: Atlas) -> None:
        openings = np.array([0.02, 0.10, 0.20, 0.101, 0.2], np.float32)
        atlas = atlas_of(openings.repeat(4))
        chosen = np.array([4, 5, 12, 13, 16, 17, 4])
        other, weight = retrieval.fades(atlas, chosen, atlas.aperture[chosen], np.zeros(7, np.bool_))
        assert list(other[1:3]) == [12, 5] and (weight[1:3] > 0.3).all(), "0.10 and 0.101"
        assert (weight[3:5] == 0).all(), "0.101 and 0.2"
