"""A colour or a picture in place of a green or blue screen, and the person as they were."""

from __future__ import annotations

import colorsys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.frame import Frame, crop, from_yuv, rgb_to_yuv, yuv_to_rgb
from digital_human.errors import BadInputError
from digital_human.media.video_info import ColourTags, VideoInfo
from digital_human.pipeline.backdrop import Backdrop, load_backdrop
from digital_human.pipeline.background import find_background, lay_behind
from tests.live_service import Live
from tests.result.made import frames_of, make, refused

SKIN, DARK, GREY = (214, 160, 130), (92, 58, 44), (150, 150, 146)
BT709 = VideoInfo(320, 240, Fraction(25), ColourTags(1, 1, 1), still=False)


def behind(background: str | Path, info: VideoInfo = BT709) -> Backdrop:
    return load_backdrop(str(background), info, 1000 * 1000)


def striped(path: Path, width: int, height: int) -> Path:
    """A picture: its left half red, its right half teal, its upper and lower fourth yellow."""
    picture = np.full((height, width, 3), (200, 60, 50), np.uint8)
    picture[:, width // 2 :] = (40, 140, 130)
    picture[: height // 4] = picture[-height // 4 :] = (220, 200, 70)
    assert cv2.imwrite(str(path), picture[..., ::-1])
    return path


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
    made = picture_of(lay_behind(framed(picture), find_background(framed(picture), behind("#e0d0c0"))))
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
            find_background(framed(picture), behind("#ffffff"))


def test_a_result_has_the_colour_behind_the_person(plain: Live) -> None:
    path, _ = make(plain, background="#ffffff", preview=0.2)
    made, given = frames_of(path)[2], frames_of(plain.base / "template.mkv")[2]
    # The sample template is before a blue screen.
    assert made.planes[0][80:200, 40:160].mean() > 225
    assert np.abs(made.planes[0][300:440, 280:430].astype(int) - given.planes[0][300:440, 280:430]).mean() < 3


@pytest.mark.parametrize("matrix", [ColourTags(1, 1, 1), ColourTags(6, 6, 6)])
@pytest.mark.parametrize("size", [(640, 480), (100, 480), (900, 120)])
def test_a_picture_covers_the_frame_and_keeps_its_colours_and_its_middle(
    tmp_path: Path, matrix: ColourTags, size: tuple[int, int]
) -> None:
    info = VideoInfo(320, 240, Fraction(25), matrix, still=False)
    levels = [np.rint(plane).astype(np.uint8) for plane in behind(striped(tmp_path / "a.png", *size), info).planes]
    assert [plane.shape for plane in levels] == [(240, 320), (120, 160), (120, 160)]
    frame = Frame(np.empty((360, 320), np.uint8), info.matrix)
    for plane, level in zip(frame.planes, levels, strict=True):
        plane[...] = level
    shown = picture_of(frame)
    assert np.abs(shown[120, [20, 300]] - [(200, 60, 50), (40, 140, 130)]).max() < 6
    # A tall picture loses its upper and lower edge, any other keeps them.
    tall = size == (100, 480)
    assert (np.abs(shown[4, 20] - (220, 200, 70)).max() < 6) != tall


def test_edges_before_a_picture_are_of_the_colours_on_either_side(tmp_path: Path) -> None:
    given, cover = staged((30, 190, 60))
    backdrop = behind(striped(tmp_path / "a.jpg", 320, 240))
    made = picture_of(lay_behind(framed(given), find_background(framed(given), backdrop)))
    inside = cover[..., 0] == 1
    assert np.abs(made[inside] - picture_of(framed(given))[inside]).mean() < 6
    assert np.abs(made[130, 10] - (200, 60, 50)).max() < 16 and np.abs(made[130, 310] - (40, 140, 130)).max() < 16
    green = (made[..., 1] > made[..., 0] + 30) & (made[..., 1] > made[..., 2] + 30)
    assert green[:, :160].mean() < 0.001


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_result_has_the_picture_behind_the_person(plain: Live, tmp_path: Path, name: str) -> None:
    picture = striped(tmp_path / name, 720, 576)
    if name == "a.png":
        answer = plain.client.post("/human/uploads", files={"file": picture.open("rb")})
        given = answer.json()["data"]["id"]
    else:
        given = name
        (plain.base / name).write_bytes(picture.read_bytes())
    path, task = make(plain, background=given, preview=0.1)
    assert task["request"]["background"] == given
    (made, *_), (template, *_) = frames_of(path), frames_of(plain.base / "template.mkv")
    colours = picture_of(made)
    assert np.abs(colours[200, 60] - (200, 60, 50)).max() < 16 and np.abs(colours[60, 660] - (220, 200, 70)).max() < 16
    person = np.s_[300:440, 280:430]
    assert np.abs(made.planes[0][person].astype(int) - template.planes[0][person]).mean() < 3


def test_a_background_that_is_no_picture_is_refused(plain: Live) -> None:
    (plain.base / "notes.png").write_text("this is no picture")
    (plain.base / "empty.png").write_bytes(b"")
    refusals = {
        "notes.png": (400, "media_unreadable"),
        "speech.wav": (400, "no_video_stream"),
        "template.mkv": (400, "background_no_picture"),
        "empty.png": (400, "file_empty"),
        "none.png": (404, "file_not_found"),
        "upload:" + 32 * "0": (404, "upload_gone"),
        "/etc/hostname": (403, "path_not_allowed"),
    }
    for background, expected in refusals.items():
        code, name, message = refused(plain, background=background)
        assert (code, name) == expected and message.startswith("background: ")


def test_a_result_is_not_written_over_its_background(plain: Live, tmp_path: Path) -> None:
    striped(tmp_path / "a.png", 64, 64).rename(plain.base / "kept.mp4")
    answer = plain.submit(background="kept.mp4", save_path="kept.mp4")
    assert (answer.status_code, answer.json()["error"]) == (409, "output_is_input")


@pytest.mark.parametrize("background", ["#fff", "", "#12345g", "#1234567"])
def test_what_is_no_colour_is_refused(plain: Live, background: str) -> None:
    assert refused(plain, background=background)[:2] == (400, "background_malformed")
