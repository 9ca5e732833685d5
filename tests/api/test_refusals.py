"""What a request gets wrong is said in the envelope, in the caller's language."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from fastapi.testclient import TestClient

from digital_human.core.frame import crop, yuv_to_rgb
from digital_human.media import VideoReader
from tests.api.asking import generate
from tests.media.factory import greys, write_clip

SAMPLES = Path(__file__).parents[2] / "samples"


def far() -> list[npt.NDArray[np.uint8]]:
    """The sample template in a corner of a large picture, RGB, three frames."""
    pictures = []
    for frame in islice(VideoReader(SAMPLES / "template.mkv").frames(), 3):
        image = yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix)
        small = cv2.resize(image, None, fx=0.18, fy=0.18, interpolation=cv2.INTER_AREA)
        picture = np.full((720, 1280, 3), 60, np.uint8)
        picture[300 : 300 + small.shape[0], 800 : 800 + small.shape[1]] = small
        pictures.append(picture)
    return pictures


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"audio_path": "none.wav"}, 404, "audio_path"),
        ({"video_path": "none.mp4"}, 404, "video_path"),
        ({"save_path": "template.mkv"}, 409, "save_path"),
        ({"save_path": "../out.mp4"}, 403, "ALLOWED_ROOTS"),
        ({"video_path": "/etc/hostname"}, 403, "video_path"),
        ({"audio_path": "template-less"}, 404, "audio_path"),
        ({"audio_path": "text.wav"}, 400, "audio_path"),
        ({"video_path": "text.wav"}, 400, "video_path"),
        ({"video_path": "speech.wav"}, 400, "no video stream"),
        ({"audio_path": "mute.mp4"}, 400, "no audio stream"),
        ({"video_path": "mute.mp4"}, 400, "no face"),
        ({"video_path": "far.mp4"}, 400, "video_path: the face is too small: 3"),
        ({"video_path": "cut.mkv"}, 400, "video_path"),
        ({"save_path": "out.txt"}, 400, "save_path"),
        ({"audio_path": None}, 400, "audio_path"),
        ({"watermark": 7}, 400, "watermark"),
        ({"engine": "none"}, 400, "engine"),
        ({"mouth_strength": 1.6}, 400, "mouth_strength"),
        ({"mouth_strength": 0}, 400, "mouth_strength"),
        ({"mouth_strength": "loud"}, 400, "mouth_strength"),
        ({"mouth_strength": 1.2, "engine": "wav2lip"}, 400, "mouth_strength: engine wav2lip has none"),
        ({"loop": "backwards"}, 400, "loop"),
    ],
)
def test_bad_requests_say_what_is_wrong_and_leave_nothing(
    client: TestClient, base: Path, fields: dict[str, object], status: int, message: str
) -> None:
    (base / "text.wav").write_text("this is no media " * 50)
    (base / "cut.mkv").write_bytes((SAMPLES / "template.mkv").read_bytes()[:3000])
    if not (base / "mute.mp4").exists():
        write_clip(base / "mute.mp4", greys(10, 256, 256))
        write_clip(base / "far.mp4", far())
    before = {path: path.stat().st_mtime_ns for path in base.iterdir() if path.name != ".state"}
    answer = generate(client, **({"save_path": "bad.mp4"} | fields))
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["code"], body["data"]) == (status, None)
    assert message in body["message"]
    assert "Traceback" not in answer.text
    assert {path: path.stat().st_mtime_ns for path in base.iterdir() if path.name != ".state"} == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"audio_path": "a"}'])
def test_a_bad_body_is_400_in_the_envelope(client: TestClient, body: bytes) -> None:
    answer = client.post("/human/generate", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == 400 and answer.json()["data"] is None


def test_errors_are_worded_in_the_callers_language(client: TestClient) -> None:
    said = {}
    for language in ("zh-CN,zh;q=0.9,en;q=0.8", "en-GB", "fr"):
        answer = client.post(
            "/human/generate",
            json={"audio_path": "missing.wav", "video_path": "template.mkv", "save_path": "x.mp4"},
            headers={"Accept-Language": language},
        )
        assert (answer.status_code, answer.json()["error"]) == (404, "file_not_found")
        assert "Accept-Language" in answer.headers["Vary"]
        said[language] = (answer.headers["Content-Language"], answer.json()["message"])
    english = ("en", "audio_path: no such file")
    assert list(said.values()) == [("zh", "audio_path: 找不到文件"), english, english]


@pytest.mark.parametrize(
    ("path", "body", "name", "chinese"),
    [
        ("/human/generate", {"video_path": "template.mkv"}, "field_missing", "audio_path: 缺少此字段"),
        ("/human/tasks?limit=0", None, "field_invalid", "limit: 无效"),
        ("/nowhere", None, "route_not_found", "没有此地址"),
        ("/human/tasks/none", None, "task_not_found", "任务不存在"),
    ],
)
def test_what_the_framework_refuses_has_a_name_and_chinese_words_too(
    client: TestClient, path: str, body: dict[str, str] | None, name: str, chinese: str
) -> None:
    headers = {"Accept-Language": "zh"}
    answer = client.get(path, headers=headers) if body is None else client.post(path, json=body, headers=headers)
    assert answer.json()["error"] == name
    assert answer.json()["message"].startswith(chinese)


def test_unknown_routes_keep_the_envelope(client: TestClient) -> None:
    assert client.get("/nowhere").json() == {
        "code": 404,
        "error": "route_not_found",
        "message": "Not Found",
        "data": None,
    }
    assert client.get("/human/generate").json()["code"] == 405
