"""A colour in place of a green or blue screen, and the person as they were."""

from __future__ import annotations

import colorsys

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.frame import Frame, crop, from_yuv, rgb_to_yuv, yuv_to_rgb
from digital_human.errors import BadInputError
from digital_human.pipeline.background import find_background, lay_behind
from tests.live_service import Live
from tests.result.made import frames_of, make, refused

SKIN, DARK, GREY = (214, 160, 130), (92, 58, 44), (150, 150, 146)


def framed(picture: npt.NDArray[np.uint8]) -> Frame:
    return from_yuv(rgb_to_yuv(picture, "bt709"), "bt709")


def picture_of(frame: Frame) -> npt.NDArray[np.int64]:
    return yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix).astype(np.int64)


def staged(screen: tuple[int, int, int]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """A person of three colours with a soft edge before a screen that is lit from the left; and how much they cover."""
    rows, columns = np.mgrid[:240, :320]
    light = (1.1 - 0.4 * columns / 320)[..., None]
    distance = np.hypot((columns - 160) / 70, (rows - 160) / 110)
    cover = np.clip((1.05 - distance) / 0.1, 0, 1)[..., None]
    person = np.where((rows < 130)[..., None], GREY, np.where((rows < 190)[..., None], SKIN, DARK))
    return np.clip(person * cover + np.array(screen) * light * (1 - cover), 0, 255).astype(np.uint8), cover


@pytest.mark.parametrize("screen", [(30, 190, 60), (20, 150, 215), (30, 60, 200)])
def test_the_screen_becomes_the_colour_and_the_person_stays(screen: tuple[int, int, int]) -> None:
    picture, cover = staged(screen)
    made = picture_of(lay_behind(framed(picture), find_background(framed(picture), "#e0d0c0")))
    around, inside = cover[..., 0] == 0, cover[..., 0] == 1
    # A pixel of chroma is two wide.
    around[1:] &= around[:-1]
    around[:, 1:] &= around[:, :-1]
    assert np.abs(made[around] - (0xE0, 0xD0, 0xC0)).mean() < 4
    same = picture_of(framed(picture))
    assert np.abs(made[inside] - same[inside]).mean() < 6
    # Edges are of the colours on either side, not of the screen's.
    edge = ~around & ~inside
    hue = colorsys.rgb_to_hsv(*(value / 255 for value in screen))[0]
    shown = np.array([colorsys.rgb_to_hsv(*(pixel / 255)) for pixel in made[edge]])
    screenlike = (np.abs(shown[:, 0] - hue) < 0.06) & (shown[:, 1] > 0.25)
    assert screenlike.mean() < 0.03


def test_a_template_without_a_screen_is_told_so() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    for picture in (noise, np.full((240, 320, 3), 180, np.uint8)):
        with pytest.raises(BadInputError, match="no green or blue screen"):
            find_background(framed(picture), "#ffffff")


def test_a_result_has_the_colour_behind_the_person(plain: Live) -> None:
    path, _ = make(plain, background="#ffffff", preview=0.2)
    made, given = frames_of(path)[2], frames_of(plain.base / "template.mkv")[2]
    # The sample template is before a blue screen.
    assert made.planes[0][80:200, 40:160].mean() > 225
    assert np.abs(made.planes[0][300:440, 280:430].astype(int) - given.planes[0][300:440, 280:430]).mean() < 3


@pytest.mark.parametrize("background", ["white", "#fff", "", "#12345g", "#1234567"])
def test_what_is_no_colour_is_refused(plain: Live, background: str) -> None:
    assert refused(plain, background=background)[:2] == (400, "background_malformed")
