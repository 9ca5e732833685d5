"""The REST contract end to end: real service, real Triton, real files."""

from __future__ import annotations

import re
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from fastapi.testclient import TestClient

from digital_human.core.frame import crop, yuv_to_rgb
from digital_human.media import VideoReader
from tests.api.asking import generate
from tests.media.factory import write_clip

SAMPLES = Path(__file__).parents[2] / "samples"


def frames_of(path: Path) -> list[npt.NDArray[Any]]:
    return [yuv_to_rgb(crop(f, 0, 0, f.width, f.height), f.matrix) for f in VideoReader(path).frames()]


def test_a_person_says_the_speech(client: TestClient, base: Path) -> None:
    answer = generate(client, save_path="deep/folder/out.mp4")
    assert answer.status_code == 200
    body = answer.json()
    assert body["code"] == 200 and body["message"] == "success"
    assert body["data"]["save_path"] == "deep/folder/out.mp4"
    assert len(body["data"]["task_id"]) == 36 and set(body["data"]) == {"save_path", "task_id"}, "nothing to warn of"
    assert "warnings" not in client.get(f"/human/tasks/{body['data']['task_id']}").json()["data"]
    with av.open(str(base / "deep/folder/out.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt, audio.codec_context.name) == ("h264", "yuv420p", "aac")
        assert (video.width, video.height, video.average_rate) == (720, 576, Fraction(25))
        assert abs(sum(1 for _ in container.decode(video=0)) - 50) <= 1
    assert [path.name for path in (base / "deep/folder").iterdir()] == ["out.mp4"]


def test_longer_speech_walks_the_template_to_and_fro(client: TestClient, base: Path) -> None:
    assert generate(client, audio_path="long.wav", save_path="long.mp4").status_code == 200
    frames = frames_of(base / "long.mp4")
    assert abs(len(frames) - round(4.5 * 25)) <= 1
    template = frames_of(base / "template.mkv")
    # The hair above the eyes is outside what is drawn: frame 80 shows template frame 68.
    top = np.s_[:150]
    distance = [np.abs(frames[80][top].astype(int) - still[top]).mean() for still in template]
    assert int(np.argmin(distance)) == 68


@pytest.mark.parametrize(("loop", "shown"), [("repeat", 5), ("hold", 74)])
def test_longer_speech_starts_again_or_stays_where_the_request_says_so(
    client: TestClient, base: Path, loop: str, shown: int
) -> None:
    assert generate(client, audio_path="long.wav", save_path=f"{loop}.mp4", loop=loop).status_code == 200
    frames = frames_of(base / f"{loop}.mp4")
    template = frames_of(base / "template.mkv")
    assert len(template) == 75
    top = np.s_[:150]
    distance = [np.abs(frames[80][top].astype(int) - still[top]).mean() for still in template]
    assert int(np.argmin(distance)) == shown


def test_a_stronger_mouth_is_another_video_and_the_task_says_so(client: TestClient, base: Path) -> None:
    for name, strength in (("weak", 0.6), ("strong", 1.4)):
        answer = generate(client, save_path=f"{name}.mp4", mouth_strength=strength)
        assert answer.status_code == 200
        task = client.get(f"/human/tasks/{answer.json()['data']['task_id']}").json()["data"]
        assert (task["mouth_strength"], task["loop"]) == (strength, "ping-pong")
    weak, strong = frames_of(base / "weak.mp4"), frames_of(base / "strong.mp4")
    mouth = np.s_[330:440, 280:440]
    assert max(np.abs(a[mouth].astype(int) - b[mouth]).mean() for a, b in zip(weak, strong, strict=True)) > 3


def test_health_answers_while_a_job_runs(client: TestClient) -> None:
    job = threading.Thread(target=generate, args=(client,), kwargs={"save_path": "busy.mp4"})
    job.start()
    answered = 0
    while job.is_alive():
        assert client.get("/health").json() == {"status": "ok", "service": "digital-human-service"}
        answered += job.is_alive()
        time.sleep(0.05)
    assert answered


def test_marks_lie_in_their_corners(client: TestClient, base: Path) -> None:
    assert generate(client, save_path="plain.mp4").status_code == 200
    assert generate(client, save_path="marked.mp4", watermark=1, digital_auth=1).status_code == 200
    plain, marked = frames_of(base / "plain.mp4")[10].astype(int), frames_of(base / "marked.mp4")[10].astype(int)
    difference = np.abs(plain - marked).max(-1) > 24
    rows, columns = np.nonzero(difference)
    assert rows.min() >= 8 and columns.max() < 720 - 8
    assert difference[10:50, 500:710].mean() > 0.1
    assert difference[500:566, 400:710].mean() > 0.02
    assert difference[100:480].mean() < 0.005


def test_a_picture_is_a_template(client: TestClient, base: Path) -> None:
    picture = frames_of(base / "template.mkv")[0]
    cv2.imwrite(str(base / "still.png"), picture[..., ::-1])
    assert generate(client, video_path="still.png", save_path="still.mp4").status_code == 200
    frames = frames_of(base / "still.mp4")
    assert abs(len(frames) - 50) <= 1
    mouth = [frame[330:440, 280:440].astype(int) for frame in frames]
    assert max(np.abs(m - mouth[0]).mean() for m in mouth) > 1.5, "the mouth moves"
    hair = [frame[:150].astype(int) for frame in frames]
    assert max(np.abs(h - hair[0]).mean() for h in hair) < 1.5, "the rest is still"


def test_frames_without_a_face_pass_through(client: TestClient, base: Path) -> None:
    pictures = frames_of(base / "template.mkv")[:30]
    blank = np.full_like(pictures[0], 90)
    pictures[10:20] = [blank] * 10
    write_clip(base / "gap.mp4", pictures, options={"crf": "10", "preset": "ultrafast"})
    answer = generate(client, video_path="gap.mp4", save_path="gap-out.mp4")
    assert answer.status_code == 200
    frames = frames_of(base / "gap-out.mp4")
    assert np.abs(frames[15].astype(int) - 90).mean() < 3
    data = answer.json()["data"]
    (warning,) = data["warnings"]
    assert re.fullmatch(r"no face was found in \d+ of 50 frames; these are shown as they are", warning)
    task = client.get(f"/human/tasks/{data['task_id']}", headers={"Accept-Language": "zh"}).json()["data"]
    assert task["warnings"][0].startswith("50 帧中有") and task["result"]["notices"][0]["name"] == "face_missing"


@pytest.mark.parametrize("kind", ["rotated", "odd", "variable"])
def test_awkward_templates_work(client: TestClient, base: Path, kind: str) -> None:
    pictures = frames_of(base / "template.mkv")[:40]
    if kind == "rotated":
        turned = [np.rot90(picture, -1) for picture in pictures]
        write_clip(base / "rotated.mp4", turned, rotation=90)
        size = (720, 576)
    elif kind == "odd":
        write_clip(base / "odd.mp4", [p[:575, :719] for p in pictures], pix_fmt="yuv444p", options={"qp": "18"})
        size = (720, 576)
    else:
        times = [k * 0.04 + 0.015 * (k % 3) for k in range(40)]
        write_clip(base / "variable.mp4", pictures, times=times)
        size = (720, 576)
    assert generate(client, video_path=f"{kind}.mp4", save_path=f"{kind}-out.mp4").status_code == 200
    info = VideoReader(base / f"{kind}-out.mp4").info
    assert (info.width, info.height) == size
    assert abs(len(frames_of(base / f"{kind}-out.mp4")) - round(2 * info.fps)) <= 1


def test_the_second_job_finds_the_template_in_the_store(client: TestClient, base: Path) -> None:
    generate(client, save_path="first.mp4")
    entries = [path for path in (base / ".state" / "templates").iterdir() if not path.name.startswith(".")]
    damaged = next(path for path in entries if (path / "track.landmarks.npy").exists())
    (damaged / "track.landmarks.npy").write_bytes(b"damaged")
    assert generate(client, save_path="second.mp4").status_code == 200
    assert all(
        np.array_equal(a, b) for a, b in zip(frames_of(base / "first.mp4"), frames_of(base / "second.mp4"), strict=True)
    )
