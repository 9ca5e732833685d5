"""Which frames of a template have a flaw, and what becomes of them as exemplars."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame, Uint8
from digital_human.core.types import FaceTrack
from digital_human.engines.exemplar import (
    appearance,
    flaws,
    head_pose,
    lip_edges,
    lip_geometry,
    retrieval,
    stock,
)
from digital_human.engines.exemplar.analysis import build_atlas
from digital_human.engines.exemplar.atlas import Atlas
from digital_human.engines.exemplar.flaws import SOUND
from tests.engines.talker import part

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
