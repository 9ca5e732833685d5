"""Clients of HeyGem and Duix against the running service: what they send, and what they make of the answers.

The ComfyUI node and the desktop client are replayed call by call.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digital_human.media import read_speech
from digital_human.triton.embedded.server import TritonServer
from tests.api.heygem import JOB, ZH, envelope, query, submit, until_ended
from tests.conftest import fill
from tests.live_service import Live, eventually
from tests.media.factory import write_sound

WINDOWS = r"D:\heygem_data\face2face"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """A data folder as HeyGem has it: the clients' files are in `temp`."""
    base = tmp_path_factory.mktemp("face2face")
    (base / "temp").mkdir()
    fill(base / "temp", samples)
    speech = read_speech(samples / "speech.wav")
    write_sound(base / "temp" / "word.wav", speech[None, : 16000 // 5], 16000)
    return base


@pytest.fixture(scope="module")
def live(base: Path, triton: TritonServer) -> Iterator[Live]:
    mappings = rf"/code/data/face2face={base},{WINDOWS}={base},\\nas\avatars={base}"
    with Live(base, triton_url=triton.url, path_mappings=mappings) as live:
        yield live


def test_the_comfyui_node_gets_its_video(live: Live, base: Path) -> None:
    """It writes its files under a name of the host, names them by their path in the container, and reads the result."""
    code = str(uuid.uuid4())
    shutil.copy(base / "temp" / "template.mkv", base / "temp" / f"{code}.mp4")
    request = {
        "audio_url": "/code/data/face2face/temp/word.wav",
        "video_url": f"/code/data/face2face/temp/{code}.mp4",
        "code": code,
        "watermark_switch": 0,
        "digital_auth": 0,
        "chaofen": 0,
        "pn": 0,
    }
    answer = live.client.post("/easy/submit", content=json.dumps(request))
    assert answer.request.headers.get("Content-Type") is None
    assert answer.status_code == 200 and answer.json()["code"] == 10000, answer.text

    def is_done() -> bool:
        result = live.client.get(f"/easy/query?code={code}").json()
        assert result["code"] == 10000, result
        return bool(result["data"]["status"] == 2)

    eventually(is_done)
    assert (base / "temp" / f"{code}-r.mp4").stat().st_size > 0


def test_the_desktop_client_gets_its_video(live: Live, base: Path) -> None:
    """It names files of the shared folder, follows code and status, and joins `result` to that folder."""
    code = str(uuid.uuid4())
    request = JOB | {"code": code, "chaofen": 0, "watermark_switch": 0, "pn": 1}
    answer = live.client.post("/easy/submit", json=request).json()
    assert answer["code"] == 10000 and answer["data"]["ignored"] == ["chaofen", "pn"]
    progress = []

    def is_done() -> bool:
        answer = live.client.get(f"/easy/query?code={code}").json()
        assert answer["code"] not in (9999, 10002, 10003)
        data = answer["data"]
        assert data["status"] in (1, 2)
        progress.append(data["progress"])
        return bool(data["status"] == 2)

    eventually(is_done)
    assert progress == sorted(progress) and progress[-1] == 100
    data = query(live, code)["data"]
    assert data["result"] == f"/{code}-r.mp4"
    assert Path(os.path.join(base / "temp", data["result"].lstrip("/"))).exists()
    assert (data["width"], data["height"], data["video_duration"]) == (720, 576, 2.0) and data["cost"] > 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"watermark_switch": "", "digital_auth": "", "chaofen": "", "pn": ""},
        {"watermark_switch": "0", "digital_auth": "1", "chaofen": "1", "pn": "1"},
        {"watermark_switch": 1, "digital_auth": 0.0, "chaofen": 2, "pn": None},
        {"watermark_switch": None, "digital_auth": True, "chaofen": [], "pn": {}},
    ],
)
def test_switches_are_taken_in_any_form(live: Live, fields: dict[str, Any]) -> None:
    assert submit(live, code=str(uuid.uuid4()), audio_url="word.wav", **fields)["code"] == 10000


@pytest.mark.parametrize("code", [7, 1.5, "任务 一", "a/b", "../escape", ".hidden", "x" * 1000, "a\nb", "a\\b"])
def test_a_code_may_be_any_text_or_number(live: Live, base: Path, code: object) -> None:
    assert submit(live, code=code, audio_url="word.wav")["code"] == 10000
    data = until_ended(live, code)
    assert data["status"] == 2 and data["code"] == str(code)
    name = data["result"].removeprefix("/")
    assert "/" not in name and (base / "temp" / name).exists()


@pytest.mark.parametrize(
    ("fields", "en", "zh"),
    [
        ({"audio_url": ""}, "audio_url is missing", "audio_url参数缺失"),
        ({"audio_url": None}, "audio_url is missing", "audio_url参数缺失"),
        ({"video_url": ""}, "video_url is missing", "video_url参数缺失"),
        ({"code": ""}, "code is missing", "code参数缺失"),
        ({"code": None}, "code is missing", "code参数缺失"),
    ],
)
def test_what_is_missing_is_named_in_the_callers_language(live: Live, fields: dict[str, Any], en: str, zh: str) -> None:
    body = {"code": "missing"} | fields
    for headers, text in (({}, en), ({"Accept-Language": "en-GB,en"}, en), (ZH, zh)):
        answer = submit(live, headers, **body)
        assert (answer["code"], answer["success"], answer["msg"]) == (10002, False, text)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"\xff\xfe",
        b"[" * 900,
        b'{"code": "\\ud800", "audio_url": "a", "video_url": "b"}',
        b'{"code": "a", "audio_url": "\\ud800", "video_url": "b"}',
        b'{"code": ["a"], "audio_url": "a", "video_url": "b"}',
        b'{"code": true, "audio_url": "a", "video_url": "b"}',
        b'{"code": "a", "audio_url": 7, "video_url": "b"}',
        b'{"audio_url": "a", "video_url": "b"}',
    ],
)
@pytest.mark.parametrize("path", ["/easy/submit", "/easy/cancel"])
def test_bad_requests_get_the_envelope(live: Live, path: str, body: bytes) -> None:
    answer = envelope(live.client.post(path, content=body))
    assert answer["code"] in ((10002,) if path == "/easy/submit" else (10002, 10004))
    assert answer["msg"] and "codec" not in answer["msg"]


def test_errors_name_the_callers_fields(live: Live) -> None:
    answer = submit(live, code="no-file", audio_url="none.wav")
    assert answer["code"] == 10002 and "audio_url" in answer["msg"] and "audio_path" not in answer["msg"]
    assert submit(live, ZH, code="no-file", video_url="none.mp4")["msg"] == "video_url: 找不到文件"


def test_a_failure_names_the_callers_fields(live: Live, base: Path) -> None:
    (base / "temp" / "noise.wav").write_text("noise")
    assert submit(live, code="failure", audio_url="noise.wav")["code"] == 10000
    data = until_ended(live, "failure")
    assert data["status"] == 3 and "audio_url" in data["msg"] and "audio_path" not in data["msg"]


def test_a_query_without_a_code(live: Live) -> None:
    for url in ("/easy/query", "/easy/query?code="):
        assert envelope(live.client.get(url))["code"] == 10002
    assert envelope(live.client.get("/easy/query", headers=ZH))["msg"] == "code参数缺失"
    for code in ("null", "undefined", "-1", "x" * 5000):
        answer = query(live, code)
        assert (answer["code"], answer["success"]) == (10004, True)


def test_a_code_is_free_again_once_its_job_has_ended(live: Live, base: Path) -> None:
    """A client repairs its file, or overwrites it, and sends the same request."""
    voice = base / "temp" / "retry.wav"
    voice.write_text("noise")
    assert submit(live, code="retry", audio_url="retry.wav")["code"] == 10000
    assert until_ended(live, "retry")["status"] == 3
    for source, seconds in (("speech.wav", 2.0), ("voice.wav", 4.0)):
        shutil.copy(base / "temp" / source, voice)
        assert submit(live, code="retry", audio_url="retry.wav")["code"] == 10000
        data = until_ended(live, "retry")
        assert (data["status"], data["video_duration"]) == (2, seconds)
    (base / "temp" / "retry-r.mp4").unlink()
    assert submit(live, code="retry", audio_url="retry.wav")["code"] == 10000
    assert until_ended(live, "retry")["status"] == 2 and (base / "temp" / "retry-r.mp4").exists()


def test_an_end_that_was_told_is_told_again_in_case_the_answer_was_lost(live: Live) -> None:
    submit(live, code="lost")
    first = until_ended(live, "lost")
    assert first["status"] == 2 and query(live, "lost")["data"] == first


@pytest.mark.parametrize(
    "audio_url",
    [
        rf"{WINDOWS}\temp\word.wav",
        "d:/heygem_data/face2face/temp/word.wav",
        r"D:\HEYGEM_DATA\face2face\temp\word.wav",
        r"\\nas\avatars\temp\word.wav",
        r"temp\word.wav",
        r".\word.wav",
    ],
)
def test_paths_of_windows_are_found(live: Live, audio_url: str) -> None:
    assert submit(live, code=str(uuid.uuid4()), audio_url=audio_url)["code"] == 10000
    body = {"audio_path": audio_url, "video_path": rf"{WINDOWS}\temp\template.mkv", "mode": "async"}
    if ":" in audio_url or audio_url.startswith("\\"):
        assert live.client.post("/human/generate", json=body).status_code == 202


@pytest.mark.parametrize("path", [r"E:\elsewhere\a.wav", r"D:\heygem_data\face2face2\a.wav", "/mnt/host/a.wav"])
def test_a_path_outside_says_which_setting_maps_it(live: Live, path: str) -> None:
    answer = submit(live, code="outside", audio_url=path)
    assert answer["code"] == 10002 and "PATH_MAPPINGS" in answer["msg"]


def test_a_job_that_has_ended_cannot_be_cancelled(live: Live) -> None:
    live.until(submit(live, code="done")["data"]["task_id"], "succeeded")
    assert envelope(live.client.post("/easy/cancel", json={"code": "done"}))["code"] == 10002
