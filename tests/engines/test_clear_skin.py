"""Mouths that are pulled aside: taken off the face on which a calm one is drawn, and known by their mirror images."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import crop, from_yuv
from digital_human.engines.exemplar import appearance, clear_skin, renderer_inputs
from digital_human.engines.exemplar.donor.atlas import load_donor

SKIN, LIP = (120, 118, 145), (95, 112, 172)


def test_nothing_is_left_of_lips_that_reach_beyond_those_of_the_mesh() -> None:
    donor = load_donor()
    points = (donor.shut * 100 + np.array([200, 150, 0], np.float32))[:, :2]
    picture = np.full((400, 400, 3), SKIN, np.uint8)
    picture[:20] = LIP  # something red that is not the face
    x, y = points[17].round().astype(int)
    cv2.ellipse(picture, (int(x) + 15, int(y) + 5), (40, 20), 10, 0, 360, LIP, cv2.FILLED)
    frame = from_yuv(picture, "bt709")
    for strength, left in ((0.0, LIP[2]), (0.5, (SKIN[2] + LIP[2]) / 2), (1.0, SKIN[2])):
        cleared = frame.copy()
        control = renderer_inputs.control_points(donor.reference, mesh.OUTER_LIPS)
        clear_skin.clear(cleared.data, points, control, 100.0, strength)
        red = crop(cleared, 0, 0, 400, 400)[..., 2].astype(float)
        assert abs(red[y + 5, x + 15] - left) < 3
        assert (red[:18] == LIP[2]).all()
    assert np.abs(red[y - 60 : y + 80, x - 80 : x + 80] - SKIN[2]).max() < 8  # of 27


def test_a_face_of_which_no_skin_is_seen_stays_as_it_is() -> None:
    points = np.full((468, 2), 20, np.float32)
    points[mesh.OUTER_LIPS] = np.random.default_rng(1).uniform(2, 60, (20, 2))
    frame = from_yuv(np.full((64, 64, 3), LIP, np.uint8), "bt709")
    cleared = frame.copy()
    clear_skin.clear(cleared.data, points, mesh.OUTER_LIPS, 60.0)
    np.testing.assert_array_equal(cleared.data, frame.data)


def test_a_mouth_pulled_aside_differs_from_its_mirror_image_and_light_from_one_side_does_not() -> None:
    columns, rows = appearance.THUMBNAIL
    thumbnails = np.zeros((12, rows, columns, 3), np.float32)
    thumbnails[:, 12:20, 12:28, 0] = -20
    thumbnails[:, 12:20, 12:28, 2] = 10
    thumbnails[:, :, : columns // 2, 0] += 15
    thumbnails[3:6, 12:20, 18:22, 0] -= 30
    thumbnails[6:, 12:20, 12:18, 0] += 40
    seen = appearance.asymmetry(thumbnails.reshape(12, -1), np.arange(12) < 3)
    assert seen[:6].max() < 0.1 and seen[6:].min() > 0.45
