"""Batches: many rows, each a task of its own."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, eventually
from tests.media.factory import write_sound

TINY = 0.3
"""Seconds of speech of a row."""


def words(folder: Path, count: int) -> list[str]:
    """Files with a little sound each."""
    for number in range(count):
        tone = np.sin(np.arange(int(TINY * 16000)) * (0.05 + number / 100))[None].astype(np.float32)
        write_sound(folder / f"word{number}.wav", tone, 16000)
    return [f"word{number}.wav" for number in range(count)]


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    words(media, 4)
    settings: dict[str, Any] = {"max_queued": 4, "max_batch_rows": 20, "max_batch_bytes": 8192}
    with Live(media, triton_url=triton.url, **settings) as service:
        yield service


def send(live: Live, body: str, kind: str = "text/csv", **params: str) -> httpx.Response:
    headers = {"Content-Type": kind} | ({"Idempotency-Key": params.pop("key")} if "key" in params else {})
    return live.client.post("/human/batches", content=body.encode(), headers=headers, params=params)


def ended(live: Live, batch_id: str) -> dict[str, Any]:
    view: dict[str, Any] = {}

    def has_ended() -> bool:
        view.update(live.client.get(f"/human/batches/{batch_id}").json()["data"])
        return bool(view["state"] != "open")

    eventually(has_ended)
    return view


def test_a_sheet_becomes_videos_in_one_zip(live: Live) -> None:
    sheet = "name,audio_path,video_path,digital_auth\nHallo: eins,word0.wav,,1\n,word1.wav,,\nno sound,gone.wav,,\n"
    sheet += "odd,word2.wav,,7\n,word2.wav,avatar:nobody,\ntoo,many,cells,1,2\n"
    answer = send(live, sheet, name="night", defaults='{"video_path": "template.mkv"}', key="n1")
    assert answer.status_code == 202, answer.text
    batch_id = answer.json()["data"]["batch_id"]
    assert answer.headers["Location"] == f"/human/batches/{batch_id}"
    view = ended(live, batch_id)
    assert (view["name"], view["rows"], view["progress"]) == ("night", 6, 1.0)
    assert (view["counts"]["succeeded"], view["counts"]["failed"]) == (2, 4), view
    reasons = {failure["row"]: failure["error"]["error"] for failure in view["failures"]}
    assert reasons == {3: "file_not_found", 4: "field_invalid", 5: "no_such_avatar", 6: "batch_row_too_long"}
    archive = zipfile.ZipFile(io.BytesIO(live.client.get(f"/human/batches/{batch_id}/results").content))
    assert archive.testzip() is None
    assert archive.namelist() == ["0001-Hallo eins.mp4", "0002-word1.mp4", "report.csv"]
    report = list(csv.DictReader(io.StringIO(archive.read("report.csv").decode("utf-8-sig"))))
    assert [line["state"] for line in report] == ["succeeded"] * 2 + ["failed"] * 4
    rows = [json.loads(line) for line in live.client.get(f"/human/batches/{batch_id}/rows").text.splitlines()]
    task = live.task(rows[0]["task_id"])
    assert (task["title"], task["request"]["digital_auth"]) == ("Hallo: eins", 1)
    # The same key and sheet are the same batch, another sheet is refused.
    again = send(live, sheet, name="night", defaults='{"video_path": "template.mkv"}', key="n1")
    assert again.json()["data"]["batch_id"] == batch_id
    assert send(live, sheet + "x,y,,\n", key="n1").status_code == 422
    # Removed with all that is kept of it.
    assert live.client.delete(f"/human/batches/{batch_id}").status_code == 409
    assert live.client.delete(f"/human/batches/{batch_id}", params={"purge": "true"}).status_code == 200
    assert live.client.get(f"/human/batches/{batch_id}").status_code == 404
    assert live.client.get(f"/human/tasks/{rows[0]['task_id']}").status_code == 404
    assert not list((live.base / ".state" / "results").glob(f"{rows[0]['task_id']}*"))


def test_rows_of_json_go_where_a_pattern_says_and_let_others_go_first(live: Live) -> None:
    rows = [{"audio_path": f"word{number % 4}.wav", "name": f"take/{number}"} for number in range(8)]
    body = {"rows": rows, "save_path": "night/{row}-{name}.mp4", "defaults": {"video_path": "template.mkv"}}
    batch_id = send(live, json.dumps(body), "application/json").json()["data"]["batch_id"]
    # Of a queue for four, rows take two places at most.
    single = live.submit()
    assert single.status_code == 202
    assert live.until(single.json()["data"]["task_id"], "succeeded")
    view = ended(live, batch_id)
    assert view["counts"]["succeeded"] == 8, view
    names = sorted(path.name for path in (live.base / "night").iterdir())
    assert names == [f"{number + 1:04d}-take {number}.mp4" for number in range(8)]


def test_a_batch_is_cancelled_with_what_waits_of_it(live: Live) -> None:
    lines = "".join(json.dumps({"audio_path": "long.wav", "video_path": "template.mkv"}) + "\n" for _ in range(6))
    batch_id = send(live, lines, "application/x-ndjson").json()["data"]["batch_id"]
    eventually(lambda: live.client.get(f"/human/batches/{batch_id}").json()["data"]["counts"]["waiting"] < 6)
    assert live.client.delete(f"/human/batches/{batch_id}").status_code == 200
    view = live.client.get(f"/human/batches/{batch_id}").json()["data"]
    assert (view["state"], view["counts"]["waiting"]) == ("cancelled", 0)
    listed = live.client.get("/human/batches").json()["data"]["batches"]
    assert listed[0]["batch_id"] == batch_id

    def is_left() -> bool:
        counts = live.client.get(f"/human/batches/{batch_id}").json()["data"]["counts"]
        return bool(counts["queued"] or counts["running"])

    eventually(lambda: not is_left())


@pytest.mark.parametrize(
    ("kind", "body", "params", "error"),
    [
        ("text/plain", "x", {}, "batch_type_unknown"),
        ("application/json", "{", {}, "batch_unreadable"),
        ("application/json", "{}", {}, "field_missing"),
        ("application/json", '{"rows": []}', {}, "batch_empty"),
        ("application/json", '{"rows": [{}], "sav_path": "x"}', {}, "field_unknown"),
        ("application/json", '{"rows": [{}], "name": 5}', {}, "field_invalid"),
        ("application/json", "[" * 100 + "]" * 100, {}, "body_too_deep"),
        ("text/csv", "audio_path\n\xff\xfe", {}, "batch_empty"),
        ("text/csv", "audio_path\nx\n", {"save_path": "same.mp4"}, "batch_pattern_fixed"),
        ("text/csv", "audio_path\nx\n", {"defaults": "[]"}, "field_invalid"),
        ("text/csv", "audio_path\n" + "x\n" * 21, {}, "batch_too_long"),
        ("text/csv", "audio_path\n" + "x" * 9000, {}, "body_too_large"),
    ],
)
def test_what_is_no_batch_is_refused_whole(
    live: Live, kind: str, body: str, params: dict[str, str], error: str
) -> None:
    answer = live.client.post(
        "/human/batches", content=body.encode("latin-1"), headers={"Content-Type": kind}, params=params
    )
    assert answer.status_code in (400, 413), answer.text
    assert answer.json()["error"] in (error, "batch_unreadable")
    folder = live.base / ".state" / "batches"
    assert not [path for path in folder.iterdir() if path.suffix == ".body" or path.name.startswith(".")][1:]


def test_operators_see_all_batches_and_nobody_keeps_too_many(own_media: Path, triton: TritonServer) -> None:
    settings: dict[str, Any] = {"api_keys": "anna,ben", "operator_keys": "root", "max_batches": 1}
    with Live(own_media, triton_url=triton.url, **settings) as live:

        def ask(method: str, path: str, key: str, **more: Any) -> httpx.Response:
            return live.client.request(method, path, headers={"Authorization": f"Bearer {key}"}, **more)

        sheet = {"rows": [{"audio_path": "gone.wav", "video_path": "template.mkv"}]}
        made = ask("POST", "/human/batches", "anna", json=sheet).json()["data"]
        refused = ask("POST", "/human/batches", "anna", json=sheet)
        assert (refused.status_code, refused.json()["error"]) == (409, "batches_full")
        assert ask("POST", "/human/batches", "ben", json=sheet).status_code == 202
        path = f"/human/batches/{made['batch_id']}"
        assert ask("GET", path, "ben").status_code == 404
        assert len(ask("GET", "/human/batches", "ben").json()["data"]["batches"]) == 1
        listed = ask("GET", "/human/batches", "root").json()["data"]["batches"]
        assert len({one["owner"] for one in listed}) == 2 and made["batch_id"] in {one["batch_id"] for one in listed}
        assert ask("DELETE", path, "ben", params={"purge": "true"}).status_code == 404
        eventually(lambda: ask("GET", path, "root").json()["data"]["state"] == "ended")
        assert ask("DELETE", path, "root", params={"purge": "true"}).status_code == 200
        assert ask("POST", "/human/batches", "anna", json=sheet).status_code == 202


@pytest.mark.slow
def test_a_batch_comes_through_two_crashes_with_no_row_lost_or_twice(own_media: Path, triton: TritonServer) -> None:
    files = words(own_media, 20)
    rows = [{"audio_path": file, "save_path": f"out/{file}.mp4"} for file in files]
    rows[4]["audio_path"] = "gone.wav"
    rows[9]["loop"] = "sideways"
    (own_media / "notes.wav").write_text("no sound at all")
    rows[14]["audio_path"] = "notes.wav"
    body = {"rows": rows, "defaults": {"video_path": "template.mkv"}}
    made: dict[str, int] = {}

    def done() -> int:
        return len(list((own_media / "out").glob("*.mp4"))) if (own_media / "out").exists() else 0

    def reached(count: int) -> bool:
        return done() >= count

    batch_id = ""
    for crash_at in (3, 10, None):
        live = Live(own_media, triton_url=triton.url, passthrough_delay=0.01).wait()
        if not batch_id:
            batch_id = live.client.post("/human/batches", json=body).json()["data"]["batch_id"]
        if crash_at is None:
            view = ended(live, batch_id)
            tasks = live.client.get("/human/tasks", params={"limit": 200}).json()["data"]["tasks"]
            live.stop()
        else:
            eventually(partial(reached, crash_at))
            made.update({path.name: path.stat().st_mtime_ns for path in (own_media / "out").glob("*.mp4")})
            live.kill()
    assert (view["counts"]["succeeded"], view["counts"]["failed"]) == (17, 3), view
    reasons = {failure["row"]: failure["error"]["error"] for failure in view["failures"]}
    assert reasons == {5: "file_not_found", 10: "field_invalid", 15: "media_unreadable"}
    assert done() == 17
    assert len(tasks) == 18 and len({task["save_path"] for task in tasks}) == 18
    # What was done before a crash was not made again.
    assert all((own_media / "out" / name).stat().st_mtime_ns == when for name, when in made.items())
