"""A template with an alpha channel: laid over a colour or a picture."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.frame import crop, yuv_to_rgb
from digital_human.media import VideoReader
from tests.live_service import Live, eventually
from tests.media.alpha import write_alpha
from tests.result.made import frames_of, make


def cut_out(template: Path, count: int) -> list[npt.NDArray[np.uint8]]:
    """The sample's frames, RGBA, transparent around an oval with a soft edge that holds the person."""
    pictures = []
    for frame in islice(VideoReader(template).frames(), count):
        picture = yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix)
        oval = np.zeros(picture.shape[:2], np.uint8)
        height, width = oval.shape
        rows, columns = np.mgrid[:height, :width]
        oval[np.hypot((columns - width / 2) / (0.4 * width), (rows - height / 2) / (0.45 * height)) < 1] = 255
        pictures.append(np.dstack([picture, cv2.GaussianBlur(oval, (0, 0), 4)]))
    return pictures


@pytest.fixture(scope="module")
def cut(plain: Live) -> Live:
    """Its BASE_PATH holds cut.webm, 5 frames with an alpha channel."""
    write_alpha(plain.base, cut_out(plain.base / "template.mkv", 5), "vp9", "cut")
    return plain


@pytest.mark.parametrize(("background", "colour"), [(None, (0, 0, 0)), ("#f0e0d0", (0xF0, 0xE0, 0xD0))])
def test_a_template_with_alpha_is_laid_over_a_colour(
    cut: Live, background: str | None, colour: tuple[int, int, int]
) -> None:
    options = {} if background is None else {"background": background}
    path, task = make(cut, "flat.mp4", video_path="cut.webm", preview=0.2, **options)
    said = {"name": "alpha_flattened", "params": {"colour": background or "#000000"}}
    assert task["result"]["notices"] == [said]
    made = frames_of(path)[2]
    picture = yuv_to_rgb(crop(made, 0, 0, made.width, made.height), made.matrix).astype(int)
    assert np.abs(picture[-40:, :40] - colour).max() <= 3
    given = list(VideoReader(cut.base / "cut.webm").frames())[2]
    assert np.abs(made.planes[0][250:450, 300:400].astype(int) - given.planes[0][250:450, 300:400]).mean() < 2


def test_a_picture_shows_through_a_template_with_alpha(cut: Live) -> None:
    assert cv2.imwrite(str(cut.base / "studio.png"), np.full((64, 64, 3), (50, 60, 200), np.uint8))
    path, task = make(cut, "studio.mp4", video_path="cut.webm", preview=0.2, background="studio.png")
    assert not task["result"].get("notices")
    made = frames_of(path)[2]
    picture = yuv_to_rgb(crop(made, 0, 0, made.width, made.height), made.matrix).astype(int)
    assert np.abs(picture[-40:, :40] - (200, 60, 50)).max() <= 6


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_a_result_that_can_hold_it_keeps_the_alpha_channel(cut: Live, suffix: str) -> None:
    path, task = make(cut, f"cut-out{suffix}", video_path="cut.webm", preview=0.4, digital_auth=1)
    assert not task["result"].get("notices")
    made, given = frames_of(path), list(VideoReader(cut.base / "cut.webm").frames())
    assert len(made) == 10
    for frame, index in zip(made, [0, 1, 2, 3, 4, 3, 2, 1, 0, 1], strict=True):
        before = given[index].alpha
        assert frame.alpha is not None and before is not None
        # Below the marks, which show over what is transparent.
        difference = np.abs(frame.alpha[100:].astype(int) - before[100:])
        assert difference.mean() < 0.5 and (suffix == ".webm" or difference.max() <= 1)
        assert frame.alpha[10:40, -120:-20].max() > 200 and before[10:40, -120:-20].max() == 0
    with av.open(str(path)) as container:
        assert "AIGC" in container.metadata and container.streams.audio
    answer = cut.client.get(f"/human/tasks/{task['task_id']}/result")
    assert answer.headers["content-type"] == {".mov": "video/quicktime", ".webm": "video/webm"}[suffix]


def test_a_colour_that_is_asked_for_goes_before_the_alpha_channel(cut: Live) -> None:
    path, _ = make(cut, "coloured.mov", video_path="cut.webm", preview=0.2, background="#808080")
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"


def test_a_result_without_a_path_is_in_the_container_that_is_asked_for(cut: Live) -> None:
    answer = cut.submit(video_path="cut.webm", preview=0.2, container="webm")
    task = cut.until(answer.json()["data"]["task_id"], "succeeded")
    sent = cut.client.get(f"/human/tasks/{task['task_id']}/result")
    assert sent.headers["content-type"] == "video/webm" and ".webm" in sent.headers["content-disposition"]
    (cut.base / "fetched.webm").write_bytes(sent.content)
    assert all(frame.alpha is not None for frame in frames_of(cut.base / "fetched.webm"))


def test_an_avatar_of_it_says_that_it_is_partly_transparent(cut: Live) -> None:
    assert cut.client.post("/avatars", json={"name": "cut out", "video_path": "cut.webm"}).status_code == 202
    eventually(lambda: cut.client.get("/avatars/cut out").json()["data"]["state"] == "ready")
    view = cut.client.get("/avatars/cut out").json()["data"]
    assert view["alpha"] is True
    assert any("partly transparent" in warning["message"] for warning in view["warnings"]), view["warnings"]
