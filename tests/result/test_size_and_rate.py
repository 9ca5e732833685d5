"""The size and the rate of a result are its own: the template is sampled and studied as ever."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.pipeline.output import resized, shown_frames
from digital_human.triton.embedded.server import TritonServer
from tests.commands.test_options import generate
from tests.live_service import Live
from tests.result.made import difference, frames_of, make, refused, shown


@pytest.mark.parametrize(
    ("size", "fit", "expected"),
    [
        (288, "letterbox", (360, 288)),
        ("640x288", "letterbox", (640, 288)),
        ("288x288", "crop", (288, 288)),
        ("288x640", "crop", (288, 640)),
    ],
)
def test_a_result_has_the_size_asked_for(plain: Live, size: object, fit: str, expected: tuple[int, int]) -> None:
    path, task = make(plain, size=size, fit=fit, preview=0.2, digital_auth=1)
    made = frames_of(path)[2]
    assert (task["result"]["width"], task["result"]["height"]) == (made.width, made.height) == expected
    template = frames_of(plain.base / "template.mkv")[2]
    scale = min if fit == "letterbox" else max
    factor = scale(expected[0] / 720, expected[1] / 576)
    whole = (round(720 * factor), round(576 * factor))
    luma = cv2.resize(template.planes[0], whole, interpolation=cv2.INTER_AREA).astype(int)
    inner = min(whole[0], expected[0]), min(whole[1], expected[1])
    x, y, u, v = (round(side) for side in (*np.subtract(expected, inner) / 2, *np.subtract(whole, inner) / 2))
    shape = made.planes[0].astype(int)[y + 40 : y + inner[1] - 8, x + 8 : x + inner[0] - 8]
    same = luma[v + 40 : v + inner[1] - 8, u + 8 : u + inner[0] - 8]
    assert np.abs(shape - same).mean() < 4
    if x:
        assert np.abs(made.planes[0][60:, : x - 8].astype(int) - 16).max() < 8, "the bars are not black"


def test_letterboxed_and_cropped_pictures_keep_planes_together() -> None:
    """A red square in the middle stays red and square, whatever becomes of the picture around it."""
    frame = Frame(np.full((180, 160), 128, np.uint8), "bt601")
    luma, blue, red = frame.planes
    luma[...], luma[40:80, 60:100], blue[20:40, 30:50], red[20:40, 30:50] = 60, 80, 90, 240
    for fit, size, half in (("letterbox", (320, 120), 20), ("crop", (240, 240), 40), ("letterbox", (80, 200), 10)):
        made = resized(frame, *size, "crop" if fit == "crop" else "letterbox")
        marked = np.argwhere(made.planes[2] > 184) * 2
        middle = np.array([size[1] / 2, size[0] / 2])
        assert np.allclose(marked.mean(0) + 1, middle, atol=2)
        assert np.allclose(np.ptp(marked, axis=0) + 2, 2 * half, atol=4)


def test_a_result_has_the_rate_asked_for(plain: Live) -> None:
    template = frames_of(plain.base / "template.mkv")
    for fps, frames in ((50, 80), (12.5, 20)):
        path, task = make(plain, fps=fps)
        assert Fraction(task["result"]["fps"]) == Fraction(fps) and task["result"]["frames"] == frames
        assert abs(task["result"]["duration"] - 1.6) < 0.01
        expected = [int((k + 0.5) * 25 / fps) for k in range(frames)]
        made = frames_of(path)
        # Neighbours look alike: a frame may be taken for the one beside it.
        assert np.abs(np.array(shown(made, template)) - expected).max() <= 1
        assert np.mean([difference(frame, template[k]) for frame, k in zip(made, expected, strict=True)]) < 2


def test_frames_of_another_rate_are_those_on_screen() -> None:
    assert shown_frames(4, Fraction(25), Fraction(50), None).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert shown_frames(4, Fraction(25), Fraction(25, 2), None).tolist() == [1, 3]
    assert shown_frames(5, Fraction(25), Fraction(30), 0.1).tolist() == [0, 1, 2]
    assert shown_frames(100, Fraction(25), Fraction(25), 0.2).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"size": 719}, "size_unusable"),
        ({"size": "640x481"}, "size_unusable"),
        ({"size": "10000x720"}, "size_unusable"),
        ({"size": "8000x8000"}, "size_too_large"),
        ({"size": "wide"}, "size_malformed"),
        ({"size": "-720"}, "size_malformed"),
        ({"size": ""}, "size_malformed"),
        ({"fps": 0}, "fps_out_of_range"),
        ({"fps": -25}, "fps_out_of_range"),
        ({"fps": 500}, "fps_out_of_range"),
        ({"fit": "stretch"}, "field_invalid"),
    ],
)
def test_sizes_and_rates_that_cannot_be_are_refused(plain: Live, options: dict[str, object], error: str) -> None:
    status, name, message = refused(plain, **options)
    assert (status, name) == (400, error) and message.startswith(next(iter(options)))


def test_the_command_line_has_the_same_options(
    triton: TritonServer, samples: Path, voice: Path, tmp_path: Path
) -> None:
    shutil.copy(samples / "template.mkv", tmp_path)
    of_time = ("--trim", "1,1.6", "--lead-in", "0.2", "--lead-out", "0.2", "--fps", "12.5", "--preview", "0.8")
    status, said = generate(triton, tmp_path, voice, *of_time, "--loudness=-16", "--size", "288x288", "--fit", "crop")
    assert status == 0, said
    made = frames_of(tmp_path / "out.mp4")
    assert len(made) == 10 and (made[0].width, made[0].height) == (288, 288)
    status, said = generate(triton, tmp_path, voice, "--trim", "5")
    assert status == 1 and "trim: lies beyond the end of the template, which is 3 s long" in said
