"""Avatars: kept by name, studied once, seen by those whose they are."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from digital_human.files import avatars
from digital_human.files.avatars import Avatar
from digital_human.runtime.context import make_folders
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, eventually

SETTINGS: dict[str, Any] = {
    "api_keys": "anna,ben",
    "operator_keys": "root",
    "template_cache_bytes": 1,
    "passthrough_delay": 0.01,
    "max_queued": 3,
}


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    settings = Settings(_env_file=None, base_path=media)
    make_folders(settings)
    owner = hashlib.sha256(b"anna").hexdigest()[:16]
    planted = Avatar(str(uuid.uuid4()), "planted", owner, 0.0, "", engine="passthrough")
    avatars.keep(planted, media.resolve() / "template.mkv", None, settings)
    with Live(media, triton_url=triton.url, **SETTINGS) as service:
        yield service


def ask(live: Live, method: str, path: str, key: str = "anna", **body: object) -> httpx.Response:
    return live.client.request(method, path, json=body or None, headers={"Authorization": f"Bearer {key}"})


def ready(live: Live, name: str, key: str = "anna") -> dict[str, Any]:
    view: dict[str, Any] = {}

    def has_ended() -> bool:
        view.update(ask(live, "GET", f"/avatars/{name}", key).json()["data"])
        return bool(view["state"] != "studying")

    eventually(has_ended)
    return view


def stored(live: Live) -> set[str]:
    return {path.name for path in (live.base / ".state" / "templates").iterdir()}


def test_a_template_becomes_an_avatar_and_speaks(live: Live) -> None:
    headers = {"Authorization": "Bearer anna"}
    upload, consent = (
        live.client.post("/human/uploads", files={"file": (name, content)}, headers=headers).json()["data"]
        for name, content in (("lena.mkv", (live.base / "template.mkv").read_bytes()), ("consent.txt", b"I agree"))
    )
    assert upload["name"] == "lena.mkv"
    fields = {"consent": "Signed on 3 May", "consent_path": consent["id"], "face": {"x": 0.5, "y": 0.45}}
    fields["trim"] = {"end": 2}
    made = ask(live, "POST", "/avatars", name="Lena", video_path=upload["id"], **fields)
    assert made.status_code == 202 and made.headers["Location"] == "/avatars/Lena"
    view = ready(live, "Lena")
    assert view["state"] == "ready", view
    assert (view["width"], view["height"], view["frames"], view["mouth"]) == (720, 576, 50, "talking")
    assert view["face_width"] > 100 and [one["warning"] for one in view["warnings"]] == ["suits_short"]
    assert view["consent"] == "Signed on 3 May" and view["options"] == {
        "face": {"x": 0.5, "y": 0.45, "time": 0.0},
        "trim": {"start": 0.0, "end": 2.0},
    }
    assert ask(live, "GET", view["consent_file"]).content == b"I agree"
    picture = cv2.imdecode(np.frombuffer(ask(live, "GET", view["thumbnail"]).content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None and picture.shape[0] == 240

    # Neither the upload nor the file that it came from is needed any more.
    for path in (live.base / ".state" / "uploads").iterdir():
        path.unlink()
    order = {"avatar": "Lena", "audio_path": "speech.wav", "mode": "async", "title": "Hello: all"}
    task = ask(live, "POST", "/human/generate", **order).json()["data"]
    with_key = {"Authorization": "Bearer anna"}
    done = live.client.get(f"/human/tasks/{task['task_id']}/events", headers=with_key).text
    assert '"state":"succeeded"' in done and '"template_cached":true' in done
    view = ask(live, "GET", f"/human/tasks/{task['task_id']}").json()["data"]
    assert (view["video_path"], view["title"], view["request"]["avatar"]) == ("avatar:Lena", "Hello: all", "Lena")
    head = ask(live, "HEAD", f"/human/tasks/{task['task_id']}/result")
    assert head.status_code == 200 and head.headers["Content-Disposition"].endswith("Hello%20all.mp4")
    easy = ask(live, "POST", "/easy/submit", audio_url="speech.wav", video_url="avatar:Lena", code="a1").json()
    assert easy["success"], easy


def test_avatars_belong_to_their_maker_and_operators_share_some(live: Live) -> None:
    assert ask(live, "POST", "/avatars", name="mine", video_path="template.mkv", mode="sync").status_code == 201
    assert ask(live, "GET", "/avatars/mine", "ben").status_code == 404
    refused = ask(live, "POST", "/human/generate", "ben", avatar="mine", audio_path="speech.wav", mode="async")
    assert refused.status_code == 404 and refused.json()["error"] == "no_such_avatar"
    assert refused.json()["message"] == "avatar: there is no such avatar"

    assert ask(live, "POST", "/avatars", name="all", video_path="template.mkv", shared=True).status_code == 403
    assert ask(live, "POST", "/avatars", "root", name="all", video_path="template.mkv", shared=True).is_success
    assert ready(live, "all", "ben")["shared"] is True
    assert [one["name"] for one in ask(live, "GET", "/avatars").json()["data"]["avatars"]][-2:] == ["mine", "planted"]
    names = [one["name"] for one in ask(live, "GET", "/avatars", "ben").json()["data"]["avatars"]]
    assert names == ["all"]
    assert ask(live, "DELETE", "/avatars/all", "ben").status_code == 403
    # One's own goes before a shared one of that name.
    assert ask(live, "POST", "/avatars", "ben", name="all", video_path="template.mkv", mode="sync").is_success
    assert ask(live, "GET", "/avatars/all", "ben").json()["data"]["shared"] is False
    for key in ("ben", "root"):
        assert ask(live, "DELETE", "/avatars/all", key).status_code == 200
    assert ask(live, "GET", "/avatars/all", "ben").status_code == 404


def test_what_is_known_of_an_avatar_outlives_the_store_and_goes_with_it(live: Live) -> None:
    small = cv2.imread(str(_frame(live)))
    cv2.imwrite(str(live.base / "face.png"), small)
    assert ask(live, "POST", "/avatars", name="still", video_path="face.png", mode="sync").status_code == 201
    view = ask(live, "GET", "/avatars/still").json()["data"]
    assert view["mouth"] == "picture" and view["warnings"][-1]["warning"] == "suits_picture"
    known = stored(live)
    # The store has room for nothing, yet keeps what avatars need.
    other = live.base / "other.png"
    cv2.imwrite(str(other), cv2.flip(small, 1))
    order = {"video_path": "other.png", "audio_path": "speech.wav", "save_path": "other.mp4"}
    assert ask(live, "POST", "/human/generate", **order).status_code == 200
    assert known <= stored(live)
    assert ask(live, "DELETE", "/avatars/still").status_code == 200
    assert len(known - stored(live)) == 1
    assert ask(live, "GET", "/avatars/still").status_code == 404
    # It took its stored analysis along; this name is free again.
    assert ask(live, "POST", "/avatars", name="still", video_path="face.png", mode="sync").status_code == 201


def _frame(live: Live) -> Path:
    answer = ask(live, "GET", "/avatars/mine/thumbnail")
    path = live.base / "thumbnail.jpg"
    path.write_bytes(answer.content)
    return path


def test_what_cannot_be_an_avatar_says_so_and_leaves_nothing(live: Live) -> None:
    for name in ("", "../x", ".hidden", "a/b", "x" * 65, "a\nb"):
        answer = ask(live, "POST", "/avatars", name=name, video_path="template.mkv")
        assert (answer.status_code, answer.json()["error"]) == (400, "avatar_name_invalid"), name
    assert ask(live, "POST", "/avatars", name="x", video_path="missing.mp4").status_code == 404
    assert ask(live, "POST", "/avatars", name="x", video_path="template.mkv", engine="none").status_code == 400
    answer = ask(live, "POST", "/avatars", name="sound", video_path="speech.wav", mode="sync")
    assert (answer.status_code, answer.json()["error"]) == (400, "no_video_stream")
    assert ask(live, "GET", "/avatars/sound").status_code == 404
    assert ask(live, "POST", "/avatars", name="sound", video_path="speech.wav").status_code == 202
    view = ready(live, "sound")
    assert view["state"] == "failed" and view["error"]["error"] == "no_video_stream"
    refused = ask(live, "POST", "/human/generate", avatar="sound", audio_path="speech.wav", mode="async")
    assert refused.json()["error"] == "no_video_stream"
    # A failed one is replaced, one that is ready is not.
    assert ask(live, "POST", "/avatars", name="sound", video_path="template.mkv", mode="sync").status_code == 201
    answer = ask(live, "POST", "/avatars", name="sound", video_path="template.mkv")
    assert (answer.status_code, answer.json()["error"]) == (409, "avatar_exists")
    both = {"avatar": "sound", "video_path": "template.mkv", "audio_path": "speech.wav", "mode": "async"}
    assert ask(live, "POST", "/human/generate", **both).json()["error"] == "field_not_both"
    assert ask(live, "POST", "/human/generate", audio_path="speech.wav").json()["error"] == "field_missing"


def test_a_study_that_its_process_could_not_queue_is_queued_at_the_next_start(live: Live) -> None:
    view = ready(live, "planted")
    assert view["state"] == "ready", view


def test_an_avatar_stays_while_a_task_needs_it(live: Live) -> None:
    order = {"avatar": "planted", "audio_path": "long.wav", "mode": "async"}
    task = ask(live, "POST", "/human/generate", **order).json()["data"]["task_id"]
    answer = ask(live, "DELETE", "/avatars/planted")
    assert (answer.status_code, answer.json()["error"]) == (409, "avatar_in_use")
    ask(live, "DELETE", f"/human/tasks/{task}")
    assert ask(live, "DELETE", "/avatars/planted").status_code == 200


def test_an_operator_sees_and_removes_what_others_keep(live: Live) -> None:
    assert ask(live, "POST", "/avatars", "ben", name="bens", video_path="template.mkv", mode="sync").is_success
    assert ask(live, "GET", "/avatars?all=true", "ben").status_code == 403
    assert ask(live, "GET", "/avatars/bens", "root").status_code == 404
    listed = {one["name"]: one for one in ask(live, "GET", "/avatars?all=true", "root").json()["data"]["avatars"]}
    whose = listed["bens"]["owner"]
    assert whose == hashlib.sha256(b"ben").hexdigest()[:16] != listed["still"]["owner"]
    assert ask(live, "GET", listed["bens"]["thumbnail"], "root").status_code == 200
    assert ask(live, "GET", f"/avatars/bens?owner={whose}", "anna").status_code == 403
    assert ask(live, "DELETE", f"/avatars/bens?owner={whose}", "anna").status_code == 403
    assert ask(live, "DELETE", "/avatars/bens?owner=..%2F", "root").status_code == 400
    assert ask(live, "DELETE", "/avatars/bens?owner=shared", "root").status_code == 404
    assert ask(live, "DELETE", f"/avatars/bens?owner={whose}", "root").status_code == 200
    assert ask(live, "GET", "/avatars/bens", "ben").status_code == 404


def test_the_consent_of_a_shared_avatar_is_for_operators_alone(live: Live) -> None:
    (live.base / "signed.txt").write_text("Lena, Baker Street")
    fields = {"name": "model", "video_path": "template.mkv", "shared": True, "mode": "sync"}
    made = ask(live, "POST", "/avatars", "root", **fields, consent="Baker Street", consent_path="signed.txt")
    view = made.json()["data"]
    assert (view["consent"], view["has_consent"]) == ("Baker Street", True)
    assert ask(live, "GET", view["consent_file"], "root").text == "Lena, Baker Street"
    seen = ask(live, "GET", "/avatars/model")
    assert seen.json()["data"]["has_consent"] is True and "Baker Street" not in seen.text
    assert ask(live, "GET", view["consent_file"]).status_code == 403
    assert ask(live, "GET", "/avatars/model/consent").status_code == 403
    assert ask(live, "GET", seen.json()["data"]["thumbnail"]).status_code == 200
    assert ask(live, "DELETE", "/avatars/model", "root").is_success


def test_studies_wait_among_the_jobs_and_count_like_them(live: Live) -> None:
    order = {"video_path": "template.mkv", "audio_path": "long.wav", "mode": "async"}
    tasks = [ask(live, "POST", "/human/generate", **order).json()["data"]["task_id"]]
    eventually(lambda: ask(live, "GET", f"/human/tasks/{tasks[0]}").json()["data"]["state"] == "running")
    for number in range(2):
        answer = ask(live, "POST", "/avatars", name=f"late {number}", video_path="template.mkv")
        assert answer.status_code == 202
    tasks.append(ask(live, "POST", "/human/generate", **order).json()["data"]["task_id"])
    assert ask(live, "GET", f"/human/tasks/{tasks[1]}").json()["data"]["queue_position"] == 2
    answer = ask(live, "POST", "/avatars", name="too late", video_path="template.mkv")
    assert (answer.status_code, answer.json()["error"]) == (429, "queue_full")
    assert ask(live, "GET", "/avatars/too late").status_code == 404
    for task in tasks:
        ask(live, "DELETE", f"/human/tasks/{task}")
    assert ready(live, "late 1")["state"] == "ready"
