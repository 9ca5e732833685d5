"""What the default engine never shows: lips run together, gaps in silence, teeth drawn out, pops."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Frame, Uint8
from digital_human.core.types import Arrays, FaceTrack
from digital_human.engines.exemplar import (
    lip_colour,
    lip_edges,
    lip_geometry,
    lip_shape,
    native,
    renderer_inputs,
    retargeting,
    stock,
)
from digital_human.engines.exemplar.analysis import build_atlas
from digital_human.engines.exemplar.atlas import Atlas
from digital_human.engines.exemplar.donor import engine as donor
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from tests.engines.talker import part


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
