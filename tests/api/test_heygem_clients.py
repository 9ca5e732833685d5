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

import httpx
import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.conftest import fill
from tests.live_service import Live, eventually

ZH = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
WINDOWS = r"D:\heygem_data\face2face"
JOB: dict[str, Any] = {"audio_url": "speech.wav", "video_url": "template.mkv"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """A data folder as HeyGem has it: the clients' files are in `temp`."""
    base = tmp_path_factory.mktemp("face2face")
    (base / "temp").mkdir()
    fill(base / "temp", samples)
    return base


@pytest.fixture(scope="module")
def live(base: Path, triton: TritonServer) -> Iterator[Live]:
    mappings = rf"/code/data/face2face={base},{WINDOWS}={base},\\nas\avatars={base}"
    with Live(base, triton_url=triton.url, path_mappings=mappings) as live:
        yield live


@pytest.fixture(scope="module")
def forgetful(media: Path, triton: TritonServer) -> Iterator[Live]:
    with Live(media, triton_url=triton.url, easy_forget_seconds=0.5) as live:
        yield live


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, samples: Path, triton: TritonServer) -> Iterator[Live]:
    base = fill(tmp_path_factory.mktemp("keyed"), samples)
    with Live(base, triton_url=triton.url, api_keys="alice,bob") as live:
        yield live


@pytest.fixture(scope="module")
def slow_service(tmp_path_factory: pytest.TempPathFactory, samples: Path, triton: TritonServer) -> Iterator[Live]:
    """A job of `long.wav` takes it twenty seconds."""
    base = fill(tmp_path_factory.mktemp("slow"), samples)
    with Live(base, triton_url=triton.url, max_queued=2, passthrough_delay=0.1) as live:
        yield live


@pytest.fixture
def slow(slow_service: Live) -> Live:
    """The slow service, with nothing to do."""
    for state in ("queued", "running"):
        for task in slow_service.client.get("/human/tasks", params={"state": state}).json()["data"]["tasks"]:
            slow_service.client.delete(f"/human/tasks/{task['task_id']}")
    return slow_service


def submit(live: Live, headers: dict[str, str] | None = None, **fields: object) -> dict[str, Any]:
    """The envelope of a call that sends no Content-Type."""
    return envelope(live.client.post("/easy/submit", content=json.dumps(JOB | fields), headers=headers))


def query(live: Live, code: object, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return envelope(live.client.get("/easy/query", params={"code": str(code)}, headers=headers))


def envelope(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"code", "success", "msg", "data"}
    return body


def until_ended(live: Live, code: object, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The data of the first answer with a state that is final."""
    data: dict[str, Any] = {}

    def has_ended() -> bool:
        body = query(live, code, headers)
        assert body["code"] == 10000, f"{body}\n{live.words()}"
        data.update(body["data"])
        return bool(data["status"] != 1)

    eventually(has_ended)
    return data


def test_the_comfyui_node_gets_its_video(live: Live, base: Path) -> None:
    """It writes its files under a name of the host, names them by their path in the container, and reads the result."""
    code = str(uuid.uuid4())
    shutil.copy(base / "temp" / "template.mkv", base / "temp" / f"{code}.mp4")
    request = {
        "audio_url": "/code/data/face2face/temp/speech.wav",
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


def test_the_comfyui_nodes_loop_ends_where_the_job_fails(forgetful: Live) -> None:
    """It asks until the status is 2 or the code no longer 10000; status 3 means nothing to it."""
    (forgetful.base / "noise.wav").write_text("noise")
    assert submit(forgetful, code="node-fails", audio_url="noise.wav")["code"] == 10000
    codes = []

    def has_ended() -> bool:
        result = query(forgetful, "node-fails")
        codes.append(result["code"])
        return bool(result["code"] != 10000 or result["data"]["status"] == 2)

    eventually(has_ended)
    assert codes[-1] == 10004


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
    assert submit(live, code=str(uuid.uuid4()), **fields)["code"] == 10000


@pytest.mark.parametrize("on", [1, "1", True])
def test_a_switch_that_is_on_is_another_request(slow: Live, on: object) -> None:
    code = f"on {on!r}"
    assert submit(slow, code=code, audio_url="long.wav", digital_auth=on)["code"] == 10000
    assert submit(slow, code=code, audio_url="long.wav", digital_auth="1")["code"] == 10000
    for off in (0, "0", "", None, "no"):
        assert submit(slow, code=code, audio_url="long.wav", digital_auth=off)["code"] == 10002
    assert submit(slow, code=code, audio_url="long.wav")["code"] == 10002


@pytest.mark.parametrize("code", [7, 1.5, "任务 一", "a/b", "../escape", ".hidden", "x" * 1000, "a\nb", "a\\b"])
def test_a_code_may_be_any_text_or_number(live: Live, base: Path, code: object) -> None:
    assert submit(live, code=code)["code"] == 10000
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
    assert answer["msg"]


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


def test_a_full_queue_is_busy(slow: Live) -> None:
    slow.until(submit(slow, code="runs", audio_url="long.wav")["data"]["task_id"], "running")
    for code in ("waits", "waits too"):
        assert submit(slow, code=code)["code"] == 10000
    answer = submit(slow, code="too many")
    assert answer["code"] == 10001 and answer["success"]
    assert "个任务在排队" in submit(slow, ZH, code="too many")["msg"]


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


def test_the_same_request_is_the_same_job_while_that_waits_or_runs(slow: Live) -> None:
    first = submit(slow, code="runs", audio_url="long.wav")
    assert submit(slow, code="runs", audio_url="long.wav")["data"] == first["data"]
    answer = submit(slow, code="runs", audio_url="speech.wav")
    assert answer["code"] == 10002 and "runs" in answer["msg"]
    waits = submit(slow, code="waits")
    assert submit(slow, code="waits")["data"] == waits["data"]
    data = query(slow, "waits")["data"]
    assert (data["status"], data["queue_position"]) in ((1, 0), (1, 1))


def test_a_code_waits_behind_the_job_of_another_code_with_the_same_files(slow: Live) -> None:
    """Only the code makes it the same job."""
    running = submit(slow, code="one", audio_url="long.wav")["data"]["task_id"]
    slow.until(running, "running")
    other = submit(slow, code="two", audio_url="long.wav")["data"]["task_id"]
    assert other != running
    assert [query(slow, code)["data"]["task_id"] for code in ("one", "two")] == [running, other]
    assert slow.task(other)["state"] == "queued"


def test_an_end_that_was_told_is_told_again_in_case_the_answer_was_lost(live: Live) -> None:
    submit(live, code="lost")
    first = until_ended(live, "lost")
    assert first["status"] == 2 and query(live, "lost")["data"] == first


@pytest.mark.parametrize(("audio_url", "state"), [("speech.wav", "succeeded"), ("noise.wav", "failed")])
def test_an_end_that_was_told_is_forgotten_after_a_while(forgetful: Live, audio_url: str, state: str) -> None:
    (forgetful.base / "noise.wav").write_text("noise")
    task_id = submit(forgetful, code=state, audio_url=audio_url)["data"]["task_id"]
    assert until_ended(forgetful, state)["status"] == {"succeeded": 2, "failed": 3}[state]
    eventually(lambda: query(forgetful, state)["code"] == 10004)
    assert query(forgetful, state)["success"]
    assert forgetful.task(task_id)["state"] == state, "the record stays"


def test_an_end_that_nobody_was_told_is_kept(own_media: Path, triton: TritonServer) -> None:
    """A restart between the end and the first question loses nothing, nor does it bring a forgotten code back."""
    with Live(own_media, triton_url=triton.url, easy_forget_seconds=0) as live:
        kept = submit(live, code="kept")["data"]["task_id"]
        told = submit(live, code="told")["data"]["task_id"]
        live.until(kept, "succeeded")
        live.until(told, "succeeded")
        assert live.client.head("/easy/query?code=told").status_code == 200
        assert query(live, "told")["data"]["status"] == 2, "only a GET counts"
        assert query(live, "told")["code"] == 10004
    with Live(own_media, triton_url=triton.url, easy_forget_seconds=0) as live:
        assert query(live, "kept")["data"]["status"] == 2
        assert query(live, "told")["code"] == 10004


def test_callers_with_keys_do_not_share_results(keyed: Live) -> None:
    results = {}
    for key, audio, seconds in (("alice", "speech.wav", 2.0), ("bob", "voice.wav", 4.0)):
        headers = {"X-API-Key": key}
        assert submit(keyed, headers, code="same", audio_url=audio)["code"] == 10000
        data = until_ended(keyed, "same", headers)
        assert (data["status"], data["video_duration"]) == (2, seconds)
        results[key] = keyed.base / "temp" / data["result"].lstrip("/")
    assert results["alice"] != results["bob"] and all(path.exists() for path in results.values())
    assert all(path.name == "same-r.mp4" for path in results.values())


def test_the_only_caller_finds_the_result_where_heygem_puts_it(own_media: Path, triton: TritonServer) -> None:
    settings: dict[str, Any] = {"api_keys": "alice", "operator_keys": "root", "message_language": "zh"}
    with Live(own_media, triton_url=triton.url, **settings) as live:
        headers = {"X-API-Key": "alice"}
        submit(live, headers, code="alone")
        assert until_ended(live, "alone", headers)["result"] == "/alone-r.mp4"
        assert (own_media / "temp" / "alone-r.mp4").exists()
        # Messages are in the language that the operator has set, unless the caller asks for another.
        assert query(live, "none", headers)["msg"] == "任务不存在"
        assert query(live, "none", headers | {"Accept-Language": "en"})["msg"] == "there is no such task"


def test_without_its_key_a_request_is_refused_in_the_envelope(keyed: Live) -> None:
    for answer in (
        keyed.client.post("/easy/submit", json=JOB | {"code": "a"}),
        keyed.client.get("/easy/query?code=a"),
        keyed.client.post("/easy/cancel", json={"code": "a"}),
    ):
        assert answer.status_code == 401 and answer.json()["code"] == 10002 and "API key" in answer.json()["msg"]


@pytest.mark.parametrize(
    "audio_url",
    [
        rf"{WINDOWS}\temp\speech.wav",
        "d:/heygem_data/face2face/temp/speech.wav",
        r"D:\HEYGEM_DATA\face2face\temp\speech.wav",
        r"\\nas\avatars\temp\speech.wav",
        r"temp\speech.wav",
        r".\speech.wav",
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


def test_a_job_is_cancelled_by_its_code(slow: Live) -> None:
    for code in ("cut off", "never begun"):
        submit(slow, code=code, audio_url="long.wav")
    for code in ("never begun", "cut off"):
        assert envelope(slow.client.post("/easy/cancel", content=json.dumps({"code": code})))["code"] == 10000
        assert query(slow, code)["data"]["status"] == 3
        assert query(slow, code, ZH)["data"]["msg"] == "任务已取消"
    assert envelope(slow.client.post("/easy/cancel", json={"code": "none"}))["code"] == 10004
    assert not (slow.base / "temp" / "cut off-r.mp4").exists()


def test_a_job_that_has_ended_cannot_be_cancelled(live: Live) -> None:
    live.until(submit(live, code="done")["data"]["task_id"], "succeeded")
    assert envelope(live.client.post("/easy/cancel", json={"code": "done"}))["code"] == 10002
