"""What lies between the lips, on drawn faces: no models."""

import cv2
import numpy as np
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.inspection.inside import beside, doubled, tongues
from digital_human.inspection.strange import strangeness
from digital_human.inspection.views import LOOK, SIDE, UNIT, look_of

SKIN, LIP = np.array([170, 150, 110], np.float32), np.array([130, 170, 115], np.float32)
DARK, TEETH, FLESH, LOWER_LIP = (30, 140, 125), (200, 135, 120), (165, 160, 115), (130, 170, 115)
MIDDLE = (SIDE // 2, 45)


def landmarks(opening: float) -> Float32:
    """Lips around an opening as high as that, inter-ocular distances, in one view [1, 468, 2]."""
    points = np.full((1, 468, 2), MIDDLE, np.float32)
    angle = np.pi - np.arange(20) * 2 * np.pi / 20
    across, down = np.cos(angle), np.sin(angle)
    points[0, mesh.INNER_LIPS] = np.stack([across * 25, down * opening * UNIT / 2], 1) + MIDDLE
    points[0, mesh.OUTER_LIPS] = np.stack([across * 32, down * (opening * UNIT / 2 + 7)], 1) + MIDDLE
    return points


def face(points: Float32, inside: tuple[int, int, int] = DARK) -> Uint8:
    """A view with such lips [1, SIDE, SIDE, 3], Y, Cr, Cb."""
    picture = np.full((SIDE, SIDE, 3), SKIN.astype(np.uint8), np.uint8)
    for contour, colour in ((mesh.OUTER_LIPS, tuple(LIP.tolist())), (mesh.INNER_LIPS, inside)):
        cv2.fillPoly(picture, [np.rint(points[0, contour]).astype(np.int32)], colour)
    return np.asarray(picture[None], np.uint8)


def with_rows(picture: Uint8, first: int, last: int, colour: tuple[int, int, int]) -> Uint8:
    """The view with a bar across the mouth."""
    cv2.rectangle(picture[0], (MIDDLE[0] - 18, first), (MIDDLE[0] + 18, last), colour, -1)
    return picture


@pytest.mark.parametrize(("inside", "found"), [(FLESH, True), (DARK, False), (TEETH, False), (LOWER_LIP, False)])
def test_flesh_that_fills_an_open_mouth_is_a_tongue(inside: tuple[int, int, int], found: bool) -> None:
    points = landmarks(0.4)
    assert (tongues(face(points, inside), points, SKIN, LIP)[0] > 0.035) == found


def test_a_tongue_behind_the_dark_of_a_mouth_is_not_put_out() -> None:
    points = landmarks(0.4)
    picture = with_rows(face(points), 46, 56, FLESH)
    assert tongues(picture, points, SKIN, LIP)[0] == 0


def test_a_mouth_that_opens_below_its_lips_lies_beside_them() -> None:
    points = landmarks(0.02)
    shut = face(points)
    opened = [with_rows(shut.copy(), first, first + 6, DARK) for first in (44, 53)]
    parted = landmarks(0.1)
    right, wrong = (beside(shut, one, points, parted, SKIN)[0] for one in opened)
    assert right < 0.05 < wrong
    assert beside(shut, shut, points, parted, SKIN)[0] == 0
    assert beside(shut, opened[1], points, points, SKIN)[0] == 0


def test_a_mouth_that_was_open_opens_nowhere_else() -> None:
    points = landmarks(0.2)
    picture = face(points, TEETH)
    assert beside(picture, with_rows(picture.copy(), 60, 66, DARK), points, points, SKIN)[0] == 0


def test_teeth_that_stand_alone_in_a_mouth_that_was_open_are_a_second_mouth() -> None:
    points = landmarks(0.4)
    own = face(points)
    at_lip, alone = with_rows(own.copy(), 26, 34, TEETH), with_rows(own.copy(), 42, 48, TEETH)
    assert doubled(own, alone, points, points, SKIN)[0] > 0.55
    assert doubled(own, at_lip, points, points, SKIN)[0] < 0.05
    assert doubled(alone, alone, points, points, SKIN)[0] == 0
    smile = face(points, TEETH)
    lowered = with_rows(with_rows(smile.copy(), 26, 34, DARK), 52, 60, DARK)
    assert doubled(smile, lowered, points, points, SKIN)[0] == 0
    shut = landmarks(0.02)
    assert doubled(face(shut), alone, shut, points, SKIN)[0] == 0


def test_a_part_that_was_never_shown_is_strange_though_the_whole_is_like_another() -> None:
    openings = np.linspace(0.02, 0.4, 20)
    own = look_of([face(landmarks(opening))[0] for opening in openings])
    new = [face(landmarks(float(opening)))[0] for opening in (openings[7:9].mean(), openings[8])]
    spoilt = new[1].copy()
    cv2.circle(spoilt, (MIDDLE[0], 80), 9, (90, 190, 110), -1)
    between, seen, spot = strangeness(look_of([*new, spoilt]), own)
    assert own.shape[1] == np.prod(LOOK)
    assert max(between, seen) < 12 < spot
