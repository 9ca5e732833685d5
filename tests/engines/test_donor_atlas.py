"""The donor that ships, and the arithmetic of lips that part."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, crop, from_yuv
from digital_human.engines.exemplar import lip_geometry, renderer_inputs
from digital_human.engines.exemplar.donor import close_mouth, lips
from digital_human.engines.exemplar.donor.atlas import ATLAS, inside, load_donor


def shut_face() -> Float32:
    """The donor's own shut face, 100 pixels between the eyes, float32 [1, 468, 3]."""
    return (load_donor().shut * 100 + np.array([200, 150, 0], np.float32))[None]


class TestAtlas:
    def test_it_is_small_and_holds_nothing_outside_the_lips(self) -> None:
        assert ATLAS.stat().st_size < 4 << 20
        with np.load(ATLAS) as stored:
            assert len(stored["pictures"]) <= 100
            assert "White House" in str(stored["credit"])
            for picture, contour in zip(stored["pictures"], stored["contours"], strict=True):
                outside = inside(contour, *picture.shape[:2]) == 0
                assert outside.mean() > 0.7
                assert (picture[outside] == 0).all()

    def test_the_mouth_opens_without_a_jump(self) -> None:
        openings = np.linspace(0.02, 0.3, 60)
        contours = np.stack([load_donor().mouth(float(o))[1] for o in openings])
        assert np.abs(np.diff(contours, axis=0)).max() < 3
        pictures = np.stack([load_donor().mouth(float(o))[0][20:60, 40:104] for o in openings])
        assert np.abs(np.diff(pictures, axis=0)).mean((1, 2, 3)).max() < 13

    def test_the_teeth_stand_still_while_the_lip_moves(self) -> None:
        wide = load_donor().openings[-1]
        _, contour = load_donor().mouth(float(wide))
        _, half = load_donor().mouth(float(wide) * 0.6)
        assert (contour[mesh.LOWER_CONTOUR, 1] - half[mesh.LOWER_CONTOUR, 1]).mean() > 5

    def test_lower_lip_and_chin_drop_as_the_mouth_opens(self) -> None:
        change = load_donor().change(np.array([0.0, 0.1, 0.2], np.float32), np.zeros(3, np.float32))
        assert np.abs(change[0]).max() == 0
        for vertex in (mesh.LOWER_LIP_EDGE, 17, mesh.CHIN):
            assert (np.diff(change[:, vertex, 1]) > 0.03).all()
        assert change[1, mesh.UPPER_LIP_EDGE, 1] < 0, "the upper lip is lifted"


class TestLips:
    @pytest.mark.parametrize("opening", [0.03, 0.1, 0.22])
    def test_an_opening_is_met_exactly(self, opening: float) -> None:
        points = lips.on_seam(shut_face(), np.zeros((1, 9), np.float32))
        widening = np.array([0.03], np.float32)
        drawn = lips.open_lips(load_donor(), points, np.array([opening], np.float32), widening, size=0.9)
        assert lip_geometry.aperture(drawn)[0] == pytest.approx(opening, abs=0.003)

    def test_lips_never_cross(self) -> None:
        points = lips.on_seam(shut_face(), np.zeros((1, 9), np.float32))
        for opening in (0.005, 0.02, 0.2):
            still = np.zeros(1, np.float32)
            drawn = lips.open_lips(load_donor(), points, np.array([opening], np.float32), still, size=1.0)[0]
            assert (drawn[mesh.LOWER_INNER, 1] > drawn[mesh.UPPER_INNER, 1]).all()

    def test_the_seam_is_found_where_the_picture_is_dark(self) -> None:
        points = shut_face()[0]
        luma = np.full((400, 400), 120, np.uint8)
        middle = (points[mesh.UPPER_INNER, 1] + points[mesh.LOWER_INNER, 1]) / 2
        for x in range(400):
            y = round(float(np.interp(x, points[mesh.UPPER_INNER, 0], middle)) + 2)
            luma[y - 1 : y + 1, x] = 30
        offsets = lips.seam_offsets(lips.seam_cost(luma, points)[None])
        assert np.allclose(offsets, 0.015, atol=0.01)

    def test_the_lip_of_a_mouth_that_is_shut_is_not_drawn_out_to_the_chin(self) -> None:
        """Wide open, it lies over the skin below it, whose vertices are then above its edge."""
        donor, points = load_donor(), shut_face()
        points += 100 * donor.change(np.array([0.25], np.float32), np.zeros(1, np.float32))
        points[:, mesh.LOWER_OUTER, 1] += 5
        picture = np.full((400, 400, 3), (120, 120, 140), np.uint8)
        lip = np.concatenate([points[0, mesh.LOWER_INNER, :2], points[0, mesh.LOWER_OUTER, :2][::-1]])
        cv2.fillPoly(picture, [np.rint(lip).astype(np.int32)], (100, 110, 170))
        control = renderer_inputs.control_points(donor.reference, mesh.LIPS)
        (shut,), target = close_mouth.close(
            [from_yuv(picture, "bt709")], points, np.zeros((1, 2), np.int64), control, donor, 1.0
        )
        x, edge = target[0, 17, :2].round().astype(int)
        red = crop(shut, 0, 0, 400, 400)[edge + 3 : edge + 30, x - 12 : x + 13, 2]
        assert np.abs(red.astype(int) - 140).max() < 4

    def test_a_smile_is_closed(self) -> None:
        smile = shut_face()
        smile[:, mesh.LOWER_INNER, 1] += 15
        assert lip_geometry.aperture(smile)[0] > 0.15
        assert lip_geometry.aperture(close_mouth.closed(smile, load_donor(), 1.0))[0] < 0.03

    def test_a_wide_open_mouth_is_closed_by_the_jaw(self) -> None:
        points = shut_face()
        opened = load_donor().change(np.array([0.3], np.float32), np.zeros(1, np.float32))
        unit = lip_geometry.interocular(points)[0]
        wide = points + opened * unit
        dropped = wide[0, mesh.CHIN, 1] - points[0, mesh.CHIN, 1]
        assert dropped > 0.1 * unit
        raised = wide[0, mesh.CHIN, 1] - close_mouth.closed(wide, load_donor(), 1.0)[0, mesh.CHIN, 1]
        assert dropped / 2 < raised < dropped


def test_teeth_fade_into_the_shadow_of_the_cheeks() -> None:
    donor = load_donor()
    for contour, picture in zip(donor.contours, donor.pictures, strict=True):
        left, right = contour[:, 0].min(), contour[:, 0].max()
        brightest = picture.max(2).max(0)
        middle = (left + right) / 2
        front = brightest[round(middle - 0.1 * (right - left)) : round(middle + 0.1 * (right - left))].max()
        corner = brightest[round(left + 0.94 * (right - left)) : round(right)].max()
        assert corner < 0.6 * front
