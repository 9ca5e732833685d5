"""What the default engine never shows: grimaces, lips run together, gaps in silence, teeth drawn out, pops."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame, Uint8
from digital_human.core.types import Arrays, FaceTrack, Template
from digital_human.engines.exemplar import (
    appearance,
    flaws,
    head_pose,
    lip_colour,
    lip_edges,
    lip_geometry,
    lip_shape,
    native,
    renderer_inputs,
    retargeting,
    retrieval,
    stock,
)
from digital_human.engines.exemplar.analysis import build_atlas
from digital_human.engines.exemplar.atlas import Atlas
from digital_human.engines.exemplar.donor import engine as donor
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.engines.exemplar.flaws import SOUND
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels


@pytest.fixture(scope="module")
def track(template_frames: list[Frame], models: TritonModels) -> FaceTrack:
    return track_face(template_frames, models)


def part(frames: list[Frame], track: FaceTrack, chosen: list[int]) -> Template:
    """A template made of some of the frames."""
    some = [frames[k] for k in chosen]
    seen = FaceTrack(track.landmarks[chosen], track.score[chosen], track.present[chosen])
    return Template(some[0].width, some[0].height, Fraction(25), len(some), seen, lambda: iter(some))


@pytest.fixture(scope="module")
def atlas(template_frames: list[Frame], track: FaceTrack) -> Atlas:
    every = list(range(len(template_frames)))
    return build_atlas(part(template_frames, track, every), lambda size, control, near: None)


LIP, TEETH, DARK = (120, 110, 160), (190, 118, 134), (25, 126, 132)


def painted_lips() -> tuple[Uint8, Float32]:
    """A picture of lips alone, and landmarks of a mouth in it, open from row 40 to row 70."""
    points = np.zeros((mesh.VERTICES, 2), np.float32)
    columns = np.linspace(30, 70, 9)
    for vertices, y in (
        (mesh.UPPER_OUTER, 20),
        (mesh.UPPER_INNER, 40),
        (mesh.LOWER_INNER, 70),
        (mesh.LOWER_OUTER, 90),
    ):
        points[vertices] = np.stack([columns, np.full(9, y)], 1)
    return np.tile(np.array(LIP, np.uint8), (110, 100, 1)), points


def made_up_mouths() -> tuple[Float32, npt.NDArray[np.bool_]]:
    """Canonical shapes [30, 468, 3] of mouths, the last ten with the same corner up, and which these are."""
    generator = np.random.default_rng(3)
    contour = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    shapes = np.zeros((30, mesh.VERTICES, 3), np.float32)
    for vertices, size in ((mesh.OUTER_LIPS, 0.45), (mesh.INNER_LIPS, 0.35)):
        shapes[:, vertices, 0], shapes[:, vertices, 1] = -size * np.cos(contour), 0.4 * size * np.sin(contour)
    shapes += generator.normal(0, 0.002, shapes.shape).astype(np.float32)
    crooked = np.arange(30) >= 20
    shapes[20:, :, 1] += 0.08 * shapes[20:, :, 0]
    return shapes, crooked


class TestFlaws:
    @pytest.fixture
    def shapes(self, track: FaceTrack) -> Float32:
        points = head_pose.as_seen(track, np.arange(len(track.score)))
        reference = head_pose.canonical_face(points)
        return head_pose.fit(reference, points).to_shape(points)

    def flaw(self, shapes: Float32, speed: Float32 | None = None) -> Float32:
        opening = np.linalg.norm(shapes[:, mesh.UPPER_LIP_EDGE] - shapes[:, mesh.LOWER_LIP_EDGE], axis=1)
        width = np.linalg.norm(shapes[:, mesh.MOUTH_CORNERS[0]] - shapes[:, mesh.MOUTH_CORNERS[1]], axis=1)
        still = np.zeros(len(shapes), np.float32)
        angles = np.zeros((len(shapes), 3), np.float32)
        return flaws.grimaces(shapes, angles, opening, width) + flaws.haste(still if speed is None else speed)

    def test_a_talker_has_hardly_any(self, shapes: Float32, atlas: Atlas) -> None:
        assert not atlas.pulls_faces and (atlas.flaw < SOUND).mean() > 0.85
        assert (self.flaw(shapes) < SOUND).mean() > 0.95

    def test_a_mouth_askew_or_pulled_aside_or_caught_halfway_has_one(self, shapes: Float32) -> None:
        grimaces = shapes.copy()
        right, left = shapes[:, mesh.MOUTH_CORNERS, 0].mean(0)
        lips = grimaces[:, mesh.LIPS]
        lips[3, :, 1] += 0.12 * (lips[3, :, 0] - right) / (left - right)
        lips[7, :, 0] += 0.15
        grimaces[:, mesh.LIPS] = lips
        speed = np.zeros(len(shapes), np.float32)
        speed[11] = -0.12
        assert set(np.flatnonzero(self.flaw(grimaces, speed) > 3)) >= {3, 7, 11}
        assert (np.delete(self.flaw(grimaces, speed), [3, 7, 11]) < SOUND).mean() > 0.95

    def test_a_nod_beside_a_crooked_mouth_does_not_excuse_it(self) -> None:
        shapes, crooked = made_up_mouths()
        angles = np.zeros((len(shapes), 3), np.float32)
        angles[crooked] = (0, 2, 2)
        skew, _ = flaws.asymmetry(shapes, angles)
        assert skew[crooked].min() > 0.025 and skew[~crooked].max() < 0.01

    def test_a_face_that_is_seen_from_both_sides_is_not_crooked(self) -> None:
        shapes, turned = made_up_mouths()
        angles = np.zeros((len(shapes), 3), np.float32)
        angles[turned, 1] = 40
        skew, _ = flaws.asymmetry(shapes, angles)
        assert skew.max() < 0.018

    def test_who_is_always_crooked_has_no_flaw(self) -> None:
        shapes, crooked = made_up_mouths()
        skew, _ = flaws.asymmetry(np.repeat(shapes[crooked], 4, 0), np.zeros((4 * crooked.sum(), 3), np.float32))
        assert skew.max() < 0.01

    def test_a_tongue_over_the_lower_lip_is_found_by_colour(self) -> None:
        picture, points = painted_lips()

        def flaw(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> float:
            picture[40:50], picture[50:70] = upper, lower
            flesh = np.array([lip_edges.flesh_between(picture, points)], np.float32)
            return float(flaws.tongue(flesh, np.array([0.3], np.float32))[0])

        assert flaw(TEETH, DARK) == flaw(TEETH, TEETH) == 0
        assert flaw(DARK, LIP) < SOUND
        assert flaw(LIP, LIP) > 3

    def test_lips_that_part_on_one_side_are_found_by_colour(self) -> None:
        aside = np.zeros(12, np.float32)
        for k in range(12):
            picture, points = painted_lips()
            picture[40:70, 60 if k == 5 else 34 : 66] = TEETH
            aside[k] = lip_edges.aside(picture, points, 100.0)
        angles = np.zeros((12, 3), np.float32)
        flaw = flaws.lopsided(aside, np.full(12, 0.3, np.float32), angles)
        assert flaw[5] > 3 and np.delete(flaw, 5).max() == 0
        assert not flaws.lopsided(aside, np.full(12, 0.04, np.float32), angles).any(), "hardly open"
        assert not flaws.lopsided(np.full(12, 0.6, np.float32), np.full(12, 0.3, np.float32), angles).any(), "always so"

    def test_teeth_that_fill_a_wide_opening_are_found_by_colour(self) -> None:
        teeth = np.zeros(12, np.float32)
        for k in range(12):
            picture, points = painted_lips()
            picture[40:50], picture[50:70] = TEETH, TEETH if k == 5 else DARK
            teeth[k], flesh = lip_edges.between(picture, points)
            assert flesh == 0
        flaw = flaws.clenched(teeth, np.full(12, 0.3, np.float32))
        assert flaw[5] > 3 and np.delete(flaw, 5).max() == 0
        assert not flaws.clenched(teeth, np.full(12, 0.08, np.float32)).any(), "hardly open"
        assert not flaws.clenched(np.full(12, 0.9, np.float32), np.full(12, 0.3, np.float32)).any(), "always so"

    def test_blur_that_would_come_and_go_is_found(self) -> None:
        noise = np.random.default_rng(5).integers(60, 200, (110, 100, 3)).astype(np.uint8)
        sharp = np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.0), np.uint8)
        _, points = painted_lips()
        pictures = [np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.0), np.uint8) if k == 5 else sharp for k in range(12)]
        seen = np.array([appearance.sharpness(p, points[mesh.OUTER_LIPS], 60.0) for p in pictures], np.float32)
        flaw = flaws.blurred(stock.blur(seen, np.linspace(0.1, 0.2, 12, dtype=np.float32)))
        assert flaw[5] > 3 and np.delete(flaw, 5).max() < SOUND

    def test_of_a_template_that_pulls_faces_the_calm_mouths_are_kept(
        self, template_frames: list[Frame], track: FaceTrack
    ) -> None:
        opening = lip_geometry.aperture(track.landmarks)
        pulled = np.flatnonzero(opening > np.percentile(opening, 45))
        landmarks = track.landmarks.copy()
        right, left = landmarks[:, mesh.MOUTH_CORNERS[0], :1], landmarks[:, mesh.MOUTH_CORNERS[1], :1]
        aslant = 30 * (landmarks[:, mesh.LIPS, 0] - (right + left) / 2) / (left - right)
        for k in pulled:
            landmarks[k, mesh.LIPS, 1] += aslant[k] * (1 if k // 4 % 2 else -1)
        grimacing = replace(track, landmarks=landmarks)
        atlas = build_atlas(
            part(template_frames, grimacing, list(range(len(template_frames)))), lambda size, control, near: None
        )
        assert atlas.pulls_faces and len(atlas.exemplar_frame) >= 24
        assert len(np.intersect1d(atlas.exemplar_frame, pulled)) < 0.2 * len(atlas.exemplar_frame)
        assert atlas.aperture.max() < flaws.CALM
        assert atlas.limits[-1] < 0.7 * np.percentile(opening, 95)

    def test_such_an_exemplar_is_not_shown_where_there_is_another(self, atlas: Atlas) -> None:
        frames = np.arange(20, 32)
        usual = retrieval.choose(atlas, atlas.aperture[frames], atlas.width[frames], frames)
        flaw = atlas.flaw.copy()
        flaw[usual[6]] = 16
        assert usual[6] not in retrieval.choose(
            replace(atlas, flaw=flaw), atlas.aperture[frames], atlas.width[frames], frames
        )

    def test_a_narrower_mouth_is_better_than_a_ruined_one(self, atlas: Atlas) -> None:
        widest = atlas.aperture.max()
        ruined = atlas.aperture > 0.6 * widest
        wanted = np.full(20, 0.85 * widest, np.float32)
        width = np.full(20, atlas.width_limits[1], np.float32)
        flaw = np.where(ruined, 4, 0).astype(np.float32)
        chosen = retrieval.choose(replace(atlas, flaw=flaw), wanted, width, np.arange(20))
        assert not ruined[chosen].any()

    def test_stored_atlases_without_these_measures_are_read(self, atlas: Atlas) -> None:
        new = ("flaw", "lip_edge", "fastest", "own", "pulls_faces")
        read = Atlas.from_arrays({name: array for name, array in atlas.to_arrays().items() if name not in new})
        assert not read.own.any() and not read.pulls_faces
        assert not read.flaw.any() and not read.lip_edge.any() and np.isinf(read.fastest).all()


def test_a_lip_that_opens_far_pushes_the_skin_before_it(atlas: Atlas, track: FaceTrack) -> None:
    """On a shut frame, the widest mouth: the skin below the lip must keep its distance, or the field between folds."""
    widest, shut = int(atlas.aperture.argmax()), int(atlas.exemplar_frame[atlas.aperture.argmin()])
    one = np.array([shut])
    opening = atlas.aperture[[widest]]
    still = atlas.jaw_curve[one]
    here, drawn = lip_shape.target_landmarks(
        atlas, track, one, np.array([[widest] * 3]), opening, atlas.width[[widest]], still
    )
    below = [[17, 18], [84, 83], [314, 313]]
    own, distance = (
        np.linalg.norm(p[0, [b for _, b in below], :2] - p[0, [a for a, _ in below], :2], axis=1) for p in (here, drawn)
    )
    assert (distance > 0.45 * own).all()


class TestClosing:
    def test_the_edges_of_lips_are_found_by_colour(self) -> None:
        rows, unit = 120, 100.0
        points = np.zeros((468, 2), np.float32)
        columns = np.linspace(30, 70, 9)
        for vertices, y in (
            (mesh.UPPER_OUTER, 30),
            (mesh.UPPER_INNER, 50),
            (mesh.LOWER_INNER, 60),
            (mesh.LOWER_OUTER, 80),
        ):
            points[vertices] = np.stack([columns, np.full(9, y)], 1)
        picture = np.tile(np.array([120, 110, 160], np.uint8), (rows, 100, 1))
        picture[47:65] = (200, 128, 128)
        found = lip_edges.beyond_mesh(picture, points, unit)
        assert np.abs(found[0, 2:7] - 0.03).max() < 0.012 and np.abs(found[1, 2:7] - 0.05).max() < 0.012
        picture[47:65] = (120, 110, 160)
        assert lip_edges.beyond_mesh(picture, points, unit).max() == 0

    def test_lips_that_touch_have_no_inside(self) -> None:
        gap = np.array([0.0, 0.0, 0.03, 0.1, 0.3], np.float32)
        measures: dict[str, npt.NDArray[Any]] = {
            "gap": gap,
            "lip_edge": np.full((5, 2, 9), 0.05, np.float32),
            "vermilion": np.ones(5, np.float32),
            "thumbnails": np.random.default_rng(0).normal(size=(5, 12)),
        }
        edge = stock.relative(measures, np.array([0.02, 0.02, 0.03, 0.1, 0.2], np.float32), 0.02)["lip_edge"]
        assert (edge[:3] == 0).all() and np.allclose(edge[3:], 0.05)

    def test_lips_touch_in_silence(
        self, template_frames: list[Frame], track: FaceTrack, atlas: Atlas, models: TritonModels
    ) -> None:
        opening = lip_geometry.aperture(track.landmarks)
        shown = np.argsort(opening)[-16:]
        template = part(template_frames, track, list(range(len(template_frames))))
        engine, analysis = DefaultEngine(), {"kind": np.array("exemplar"), **atlas.to_arrays()}
        plan = engine.plan(template, analysis, np.zeros(len(shown) * 640, np.float32), shown, models)
        drawn = engine.render(template, analysis, plan, [template_frames[k] for k in shown], models)
        seen = lip_geometry.aperture(track_face(drawn, models).landmarks)
        low, high = np.percentile(opening, [3, 97])
        assert (seen.mean() - low) / (high - low) < 0.05

    def test_who_never_shuts_the_mouth_is_not_taken_to(
        self, template_frames: list[Frame], track: FaceTrack, atlas: Atlas
    ) -> None:
        open_ones = np.flatnonzero(lip_geometry.aperture(track.landmarks) > 0.05)
        smiling = build_atlas(part(template_frames, track, open_ones.tolist()), lambda size, control, near: None)
        least = smiling.aperture.argsort()[:4]
        assert smiling.limits[0] < 0.03 and (smiling.gap[least] > 0.02).any()
        assert renderer_inputs.needs_split(smiling, least, np.full(4, smiling.limits[0])).all()
        assert not renderer_inputs.needs_split(atlas, atlas.aperture.argsort()[:4], np.full(4, atlas.limits[0])).any()


class TestTeeth:
    def test_no_exemplar_is_opened_by_more_than_a_seventh(self, atlas: Atlas) -> None:
        count = 40
        wanted = np.linspace(0.05, 2 * atlas.limits[-1], count).astype(np.float32)
        width = np.full(count, atlas.width_limits[1], np.float32)
        plan = native.arrange(atlas, wanted, width, np.arange(count))
        exemplar = plan.arrays["around"][:, 1]
        assert plan.aperture is not None
        beyond = np.maximum(plan.aperture - atlas.aperture[exemplar], 0)
        shown = atlas.aperture[exemplar] + atlas.aperture_bias[exemplar]
        drawn = plan.aperture + atlas.aperture_bias[exemplar] - lip_shape.OPENED_BY_WARP * beyond
        assert (drawn <= np.maximum(1.15 * shown, shown + 0.013)).all()

    def test_a_smile_opens_further_without_longer_teeth(
        self, template_frames: list[Frame], track: FaceTrack, models: TritonModels
    ) -> None:
        frame = int(lip_geometry.aperture(track.landmarks).argmax())
        template = part(template_frames, track, [frame])
        analysis: Arrays = {"kind": np.array("donor"), **donor.analyse(template, models)}
        rest, width = np.asarray(analysis["rest"], np.float32)
        assert rest > donor.PARTED
        wanted = np.array([rest, 1.3 * rest, 1.6 * rest], np.float32)
        plan = donor.arrange(analysis, wanted, np.full(3, width), np.zeros(3, np.int64))
        picture = template_frames[frame]
        drawn = DefaultEngine().render(template, analysis, plan, [picture] * 3, models)
        upper, lower = track.landmarks[frame, [mesh.UPPER_LIP_EDGE, mesh.LOWER_LIP_EDGE], :2]
        (x, top), bottom = upper.astype(int), int(lower[1])
        teeth = np.s_[top + (bottom - top) // 3 : bottom - 3, x - 6 : x + 7]
        for one in drawn:
            assert np.abs(one.planes[0][teeth].astype(int) - picture.planes[0][teeth]).mean() < 15
        seen = lip_geometry.aperture(track_face(drawn, models).landmarks)
        assert seen[2] > 1.1 * seen[0]


class TestPops:
    def test_what_shuts_too_fast_is_spread_over_the_frames_before(self) -> None:
        fastest = np.array([0.1, 0.05], np.float32)
        curve = np.array([0.02, 0.3, 0.32, 0.3, 0.02, 0.02, 0.3, 0.3], np.float32)
        slow = retargeting.unhurried(curve, fastest)
        step = np.diff(slow)
        assert (step > -0.1001).all() and (step < 0.0501).all()
        assert (slow <= curve).all() and (slow[curve == 0.02] == np.float32(0.02)).all()

    def test_what_the_person_can_do_is_left_alone(self) -> None:
        curve = (0.1 + 0.05 * np.sin(np.arange(50))).astype(np.float32)
        assert np.array_equal(retargeting.unhurried(curve, np.array([0.06, 0.06], np.float32)), curve)

    def test_one_colour_of_lips(self, track: FaceTrack, template_frames: list[Frame]) -> None:
        """Lips painted brighter in one frame come back to what opening and pose explain."""
        rng = np.random.default_rng(0)
        opening, angles = rng.uniform(0, 0.3, 60).astype(np.float32), rng.normal(0, 5, (60, 3)).astype(np.float32)
        colours = (20 * opening[:, None, None] + np.array([[-20, -3, 12], [-10, -3, 14]])).astype(np.float32)
        colours[10, 1] += (15, 0, 4)
        found = lip_colour.unusual(colours, opening, angles)
        assert np.allclose(found[10, 1], (15, 0, 4), atol=2) and np.abs(np.delete(found, 10, 0)).max() < 2
        frame, points = template_frames[0], track.landmarks[0, :, :2]
        picture: Uint8 = frame.data.copy()
        lip_colour.even_out(picture, points, float(lip_geometry.interocular(points)), found[10])
        change = frame.data.astype(int) - picture
        x, y = ((points[17] + points[14]) / 2).astype(int)
        assert change[y, x] == pytest.approx(15 * lip_colour.EVENED, abs=3)
        assert not change[: int(points[mesh.NOSE_TIP, 1])].any()
