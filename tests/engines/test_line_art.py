"""A drawing speaks, through the real Triton: its mouth is filled with a colour of its own, not with teeth."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Frame, Uint8, crop, from_yuv, rgb_to_yuv, yuv_to_rgb
from digital_human.core.types import Arrays, Template
from digital_human.engines.exemplar import lip_geometry
from digital_human.engines.exemplar.donor import drawn_open, engine, stroke
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels

SIZE, FINE = 640, 4
HAIR, SKIN, LINE, LIPS, TONGUE = (70, 50, 40), (235, 190, 160), (60, 40, 50), (205, 110, 110), (130, 35, 40)
STROKE = ((262, 424), (320, 432), (378, 424))
"""The mouth of one line: its ends and its middle."""


def drawing(mouth: str = "lips") -> Uint8:
    """A face of flat colours and lines, uint8 [640, 640, 3] RGB. mouth: lips, outlined, line, open or tongue"""
    picture = np.full((SIZE * FINE, SIZE * FINE, 3), (200, 225, 235), np.uint8)

    def points(*where: tuple[int, int]) -> cv2.typing.MatLike:
        return np.array(where, np.int32) * FINE

    def oval(x: int, y: int, a: int, b: int, colour: tuple[int, ...], line: int = -1) -> None:
        thickness = line * FINE if line > 0 else -1
        cv2.ellipse(picture, (x * FINE, y * FINE), (a * FINE, b * FINE), 0, 0, 360, colour, thickness, cv2.LINE_AA)

    def line(*where: tuple[int, int]) -> None:
        cv2.polylines(picture, [points(*where)], False, LINE, 3 * FINE, cv2.LINE_AA)

    def area(colour: tuple[int, ...], *where: tuple[int, int]) -> None:
        cv2.fillPoly(picture, [points(*where)], colour, cv2.LINE_AA)

    oval(320, 250, 175, 200, HAIR)
    oval(320, 330, 140, 180, SKIN)
    oval(320, 330, 140, 180, LINE, 3)
    area(HAIR, (180, 280), (200, 170), (320, 130), (440, 170), (460, 280), (400, 215), (250, 215))
    for x in (262, 378):
        oval(x, 300, 30, 17, (255, 255, 255))
        oval(x, 300, 30, 17, LINE, 3)
        oval(x, 300, 13, 15, (40, 70, 120))
        oval(x, 300, 6, 7, (20, 20, 20))
        line((x - 36, 268), (x, 257), (x + 36, 268))
    line((322, 310), (308, 372), (330, 378))
    if mouth == "open":
        area(LIPS, (262, 415), (300, 405), (340, 405), (378, 415), (350, 458), (320, 466), (290, 458))
        inside = (272, 417), (300, 413), (340, 413), (368, 417), (344, 445), (320, 452), (296, 445)
        area(TONGUE, *inside)
        area((250, 248, 244), (284, 416), (300, 415), (340, 415), (356, 416), (350, 425), (290, 425))
        line(*inside, inside[0])
    elif mouth == "tongue":
        box = (290, 414), (350, 414), (350, 440), (346, 447), (294, 447), (290, 440)
        area(TONGUE, *box)
        area((225, 120, 120), (292, 431), (348, 431), (344, 446), (296, 446))
        line(*box, box[0])
    elif mouth == "line":
        line(*((x, round(432 - 8 * ((x - 320) / 58) ** 2)) for x in range(262, 379, 4)))
    else:
        area(LIPS, (270, 425), (300, 412), (320, 417), (340, 412), (370, 425), (345, 444), (320, 449), (295, 444))
        line((268, 425), (300, 427), (320, 430), (340, 427), (372, 425))
    if mouth == "outlined":
        line((268, 425), (300, 410), (320, 415), (340, 410), (372, 425), (345, 446), (320, 451), (295, 446), (268, 425))
    return np.asarray(cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


def as_frame(image: Uint8) -> Frame:
    return from_yuv(rgb_to_yuv(image, "bt709"), "bt709")


def studied(picture: Frame, models: TritonModels) -> tuple[Frame, Template, Arrays]:
    """A picture, the template made of it, and its analysis."""
    track = track_face([picture], models)
    still = Template(picture.width, picture.height, Fraction(25), 1, track, lambda: iter([picture]))
    return picture, still, DefaultEngine().analyse(still, models)


@pytest.fixture(scope="module")
def lips(models: TritonModels) -> tuple[Frame, Template, Arrays]:
    """A face with lips in one colour."""
    return studied(as_frame(drawing()), models)


@pytest.fixture(scope="module")
def line_mouth(models: TritonModels) -> tuple[Frame, Template, Arrays]:
    """A face whose mouth is one line."""
    return studied(as_frame(drawing("line")), models)


@pytest.fixture(scope="module")
def open_mouth(models: TritonModels) -> tuple[Frame, Template, Arrays]:
    """A face whose mouth is drawn open, with teeth and tongue."""
    return studied(as_frame(drawing("open")), models)


def filled_pixels(still: Template, picture: Frame, analysis: Arrays, ink: Uint8, models: TritonModels) -> int:
    """How many pixels have the brightness of the ink when the mouth opens wide."""
    limits, (_, width) = np.asarray(analysis["limits"], np.float32), np.asarray(analysis["rest"], np.float32)
    plan = engine.arrange(analysis, limits[-1:], np.array([width], np.float32), np.zeros(1, np.int64))
    (frame,) = DefaultEngine().render(still, analysis, plan, [picture], models)
    wanted = int(rgb_to_yuv(ink[None, None], "bt709")[0, 0, 0])
    return int((np.abs(frame.planes[0][400:480, 260:380].astype(int) - wanted) <= 2).sum())


def test_a_drawing_is_known_by_its_flat_colours(lips: tuple[Frame, Template, Arrays]) -> None:
    _, _, analysis = lips
    assert str(analysis["kind"]) == "donor" and "ink" in analysis
    assert np.asarray(analysis["ink"]).mean() < 90


def test_its_mouth_is_filled_and_shows_no_teeth(lips: tuple[Frame, Template, Arrays], models: TritonModels) -> None:
    picture, still, analysis = lips
    ink = np.rint(np.asarray(analysis["ink"])).astype(np.uint8)
    photographic = {name: value for name, value in analysis.items() if name != "ink"}
    filled = filled_pixels(still, picture, analysis, ink, models)
    assert filled > 800
    assert filled_pixels(still, picture, photographic, ink, models) < filled / 4


def test_the_line_between_the_lips_is_found_from_end_to_end(line_mouth: tuple[Frame, Template, Arrays]) -> None:
    _, still, analysis = line_mouth
    line, thick = np.asarray(analysis["line"], np.float32), float(analysis["thick"])
    points = stroke.on_line(still.track.landmarks, line, thick)[0, :, :2]
    right, left = points[mesh.INNER_MOUTH_CORNERS]
    assert np.abs(right - STROKE[0]).max() < 8 and np.abs(left - STROKE[2]).max() < 8
    assert np.abs((points[13] + points[14]) / 2 - STROKE[1]).max() < 3
    assert 2 < points[14, 1] - points[13, 1] < 8


def test_a_mouth_of_one_line_opens_in_one_piece_with_hard_edges(
    line_mouth: tuple[Frame, Template, Arrays], models: TritonModels
) -> None:
    picture, still, analysis = line_mouth
    limits, (_, width) = np.asarray(analysis["limits"], np.float32), np.asarray(analysis["rest"], np.float32)
    aperture = np.linspace(limits[0], limits[-1], 5)[1:].astype(np.float32)
    plan = engine.arrange(analysis, aperture, np.full(4, width), np.zeros(4, np.int64))
    heights = []
    for frame in DefaultEngine().render(still, analysis, plan, [picture] * 4, models):
        columns = frame.planes[0][395:470, 290:350].astype(int)
        dark = columns < 90
        assert (np.diff(np.pad(dark, ((1, 1), (0, 0))).astype(int), axis=0) == 1).sum(0).tolist() == [1] * 60
        assert ((columns > 70) & (columns < 150)).sum(0).max() <= 5
        heights.append(dark.sum(0)[30])
    assert heights == sorted(heights) and heights[-1] > heights[0] + 10


def test_the_outline_of_a_mouth_that_is_drawn_open_is_found(open_mouth: tuple[Frame, Template, Arrays]) -> None:
    _, still, analysis = open_mouth
    points = drawn_open.on_edges(still.track.landmarks, np.asarray(analysis["edges"], np.float32))[0, :, :2]
    right, left = points[mesh.INNER_MOUTH_CORNERS, 0]
    assert abs(right - 274) < 6 and abs(left - 366) < 6
    assert abs(points[13, 1] - 415) < 3 and abs(points[14, 1] - 450) < 3


def test_a_tongue_next_to_the_outline_is_no_lip(models: TritonModels) -> None:
    face = drawing("tongue")
    points = track_face([as_frame(face)], models).landmarks
    unit = float(lip_geometry.interocular(points[0]))
    outline = np.zeros((11, 2), np.float32)
    middle = (points[0, mesh.UPPER_INNER, 1] + points[0, mesh.LOWER_INNER, 1]) / 2
    outline[1:-1, 1] = (447 - middle) / unit
    edges = drawn_open.find(face, points[0], (outline, 6 / unit))
    assert edges is not None
    drawn = drawn_open.on_edges(points, edges)[0]
    assert abs(drawn[13, 1] - 415) < 4 and abs(drawn[14, 1] - 446) < 4


def test_lips_that_touch_are_not_drawn_open(
    lips: tuple[Frame, Template, Arrays], line_mouth: tuple[Frame, Template, Arrays]
) -> None:
    assert "edges" not in lips[2] and "line" in lips[2]
    assert "edges" not in line_mouth[2]


def test_no_warning_says_that_a_drawing_shows_another_persons_mouth(
    line_mouth: tuple[Frame, Template, Arrays], models: TritonModels
) -> None:
    _, still, analysis = line_mouth
    silence, photograph = np.zeros(16000, np.float32), {k: v for k, v in analysis.items() if k != "ink"}
    warned = [
        [notice.name for notice in DefaultEngine().plan(still, arrays, silence, np.zeros(25, np.int64), models).notices]
        for arrays in (analysis, photograph)
    ]
    assert warned == [[], ["mouth_never_opens"]]


def test_outlined_lips_are_shut_and_part_at_the_line_between_them(models: TritonModels) -> None:
    ok, packed = cv2.imencode(".jpg", drawing("outlined"), [cv2.IMWRITE_JPEG_QUALITY, 75])
    assert ok
    image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    _, still, analysis = studied(as_frame(image), models)
    assert "edges" not in analysis and 0.02 < float(analysis["thick"]) < 0.07
    points = stroke.on_line(still.track.landmarks, np.asarray(analysis["line"], np.float32), float(analysis["thick"]))
    assert abs(points[0, [13, 14], 1].mean() - 430) < 3


def test_a_mouth_that_is_drawn_open_shuts_and_opens_with_its_own_teeth(
    open_mouth: tuple[Frame, Template, Arrays], models: TritonModels
) -> None:
    picture, still, analysis = open_mouth
    limits, (_, width) = np.asarray(analysis["limits"], np.float32), np.asarray(analysis["rest"], np.float32)
    plan = engine.arrange(analysis, limits[[0, 3, -1]], np.full(3, width), np.zeros(3, np.int64))
    white, heights = [], []
    for frame in DefaultEngine().render(still, analysis, plan, [picture] * 3, models):
        rgb = yuv_to_rgb(crop(frame, 0, 0, SIZE, SIZE), "bt709")[395:475, 270:370].astype(int)
        white.append(int((rgb.min(2) > 225).sum()))
        heights.append(int((np.abs(rgb - TONGUE).max(2) < 25).sum()))
    assert white[0] < 60 and 2 * white[0] + 60 < white[1] < white[2]
    assert heights[0] < 60 < heights[1] < heights[2]


@pytest.mark.parametrize("colour", [True, False])
def test_a_photograph_is_no_drawing(template_frames: list[Frame], models: TritonModels, colour: bool) -> None:
    frame = template_frames[0].copy()
    if not colour:
        for chroma in frame.planes[1:]:
            chroma[...] = 128
    assert "ink" not in studied(frame, models)[2]
