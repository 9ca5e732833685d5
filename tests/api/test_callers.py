"""Callers with keys, files and servers of their own: uploads, URLs, webhooks, labels."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from standardwebhooks.webhooks import Webhook

from digital_human.files.uploads import last_use
from digital_human.media import VideoReader
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, eventually, leftovers

SECRET = "hook-secret"


class Host(ThreadingHTTPServer):
    """Gives the files of a folder, redirects, and remembers the webhooks it got. Refuses the first of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hooks: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", "http://" + self.path.removeprefix("/to/"))
            self.end_headers()
            return
        if self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(bytes(2**16))
            except OSError:
                return
        data = (self.server.folder / self.path.lstrip("/")).read_bytes()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        first = not any(seen == body for _, seen in self.server.hooks)
        self.server.hooks.append((dict(self.headers), body))
        self.send_response(500 if first else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def host(samples: Path) -> Iterator[Host]:
    server = Host(samples)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer, host: Host) -> Iterator[Live]:
    with Live(
        media,
        triton_url=triton.url,
        api_keys="alice,bob",
        operator_keys="root",
        url_hosts="127.0.0.1",
        callback_hosts="127.0.0.1",
        callback_progress_seconds="0.05",
        webhook_secret=SECRET,
        max_upload_bytes=20 * 2**20,
        path_mappings=f"/host/files={media}",
        aigc_producer="001191110000TEST",
        require_visible_mark="1",
    ) as service:
        service.client.headers["Authorization"] = "Bearer alice"
        yield service


def test_keys_are_needed_and_keep_callers_apart(live: Live) -> None:
    task_id = live.submit().json()["data"]["task_id"]
    url = f"/human/tasks/{task_id}"
    for headers, status in (
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer bob"}, 404),
        ({"Authorization": "", "X-API-Key": "alice"}, 200),
        ({"Authorization": "Bearer root"}, 200),
    ):
        answer = live.client.get(url, headers=headers)
        assert answer.status_code == status, (headers, answer.text)
    assert live.client.get("/human/tasks", headers={"Authorization": "Bearer bob"}).json()["data"]["tasks"] == []
    assert live.client.get("/health", headers={"Authorization": ""}).status_code == 200
    assert live.client.get("/operator/status").status_code == 403
    status = live.client.get("/operator/status", headers={"Authorization": "Bearer root"}).json()
    assert status["triton_ready"] and status["queued"] + status["running"] >= 0
    live.until(task_id, "succeeded")


def test_a_service_open_to_others_needs_keys_or_a_waiver(own_media: Path, triton: TritonServer) -> None:
    refused = Live(own_media, triton_url=triton.url, host="0.0.0.0")
    assert refused.process.wait(60) != 0 and "API_KEYS" in refused.words()
    with Live(own_media, triton_url=triton.url, host="0.0.0.0", allow_anonymous=1) as waived:
        assert waived.client.get("/human/tasks").status_code == 200
        assert "ALLOW_ANONYMOUS is set" in waived.words()


def send(live: Live, name: str) -> str:
    """The id of an upload of this file."""
    answer = live.client.post("/human/uploads", files={"file": (name, (live.base / name).read_bytes())})
    assert answer.status_code == 201, answer.text
    upload: str = answer.json()["data"]["id"]
    return upload


def test_uploads_stand_where_paths_are(live: Live, samples: Path) -> None:
    ids = {}
    for field, name in (("audio_path", "speech.wav"), ("video_path", "template.mkv")):
        answer = live.client.post("/human/uploads", files={"file": (name, (samples / name).read_bytes())})
        assert answer.status_code == 201, answer.text
        assert answer.json()["data"]["bytes"] == (samples / name).stat().st_size
        ids[field] = answer.json()["data"]["id"]
    answer = live.client.post("/human/generate", json=ids)
    assert answer.status_code == 200 and answer.json()["data"]["save_path"] is None
    result = live.client.get(f"/human/tasks/{answer.json()['data']['task_id']}/result")
    assert result.status_code == 200 and b"ftyp" in result.content[:16]
    foreign = live.client.post("/human/generate", json=ids, headers={"Authorization": "Bearer bob"})
    assert foreign.status_code == 404


def test_an_upload_may_be_used_again_while_a_job_uses_it(own_media: Path, triton: TritonServer) -> None:
    """The second job neither disturbs the first nor waits for it, and its upload is not taken for an exchanged file."""
    with Live(own_media, triton_url=triton.url, passthrough_delay=0.02, segment_seconds=1, max_jobs=2) as live:
        upload = send(live, "template.mkv")
        first = live.submit(video_path=upload, audio_path="voice.wav", save_path="a.mp4").json()["data"]["task_id"]
        while not (own_media / ".state" / "jobs" / first / "segment-00000.mp4").exists():
            assert live.task(first)["ended"] is None, live.words()
            time.sleep(0.02)
        second = live.submit(video_path=upload, audio_path="speech.wav", save_path="b.mp4").json()["data"]["task_id"]
        assert live.until(first, "succeeded")["result"]["frames"] == 100
        assert live.until(second, "succeeded")["result"]["frames"] == 50


def test_an_upload_is_kept_from_its_last_use(live: Live, media: Path) -> None:
    upload = send(live, "template.mkv")
    (path,) = (media / ".state" / "uploads").glob(f"*-{upload.removeprefix('upload:')}")
    os.utime(path, (0, 0))
    task_id = live.submit(video_path=upload).json()["data"]["task_id"]
    assert path.stat().st_mtime == 0
    assert time.time() - last_use(path, Settings(base_path=media)) < 600
    live.until(task_id, "succeeded")


def test_bad_uploads_are_refused_and_leave_nothing(live: Live, media: Path) -> None:
    before = set((media / ".state" / "uploads").iterdir())
    post = live.client.post
    assert post("/human/uploads", files={"file": ("a", bytes(21 * 2**20))}).status_code == 413
    endless = (bytes(2**20) for _ in range(40))
    body = (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n', *endless)
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert post("/human/uploads", content=iter(body), headers=kind).status_code == 413
    assert post("/human/uploads", files={"other": ("a", b"1")}).status_code == 400
    assert post("/human/uploads", files={"file": ("a", b"")}).status_code == 400
    assert post("/human/uploads", content=b"--x\r\nbroken", headers=kind).status_code == 400
    assert post("/human/uploads", json={}).status_code == 400
    assert set((media / ".state" / "uploads").iterdir()) == before


def test_urls_are_fetched_from_allowed_hosts_only(live: Live, host: Host, media: Path) -> None:
    good = {"audio_path": f"{host.url}/speech.wav", "video_path": f"{host.url}/to/{host.url[7:]}/template.mkv"}
    answer = live.submit(**good, mode="sync", save_path="fetched.mp4")
    assert answer.status_code == 200, answer.text
    for url, status in (
        ("http://example.org/a.wav", 403),
        (f"{host.url}/to/localhost:1/a.wav", 403),
        (f"{host.url}/to/10.0.0.1/a.wav", 403),
        (f"{host.url}/to/{host.url[7:]}/to/{host.url[7:]}/none.wav", 400),
        (f"{host.url}/endless", 413),
        ("http://user:word@127.0.0.1/a.wav", 400),
        ("file:///etc/passwd", 404),
    ):
        answer = live.submit(audio_path=url, mode="sync", save_path="no.mp4")
        assert answer.status_code == status, (url, answer.text)
    # A background comes the same way: this one is a video.
    answer = live.submit(background=f"{host.url}/template.mkv", mode="sync", save_path="no.mp4")
    assert answer.json()["error"] == "background_no_picture"
    assert leftovers(media) == [] and not (media / "no.mp4").exists()


def test_the_end_of_a_task_is_told_by_a_signed_webhook(live: Live, host: Host, media: Path) -> None:
    (media / "noise.wav").write_text("noise")
    still = next(VideoReader(media / "template.mkv").frames())
    cv2.imwrite(str(media / "still.png"), still.planes[0])
    still_job = {"video_path": "still.png", "engine": "default", "save_path": "h.mp4"}
    sent = live.submit(callback_url=f"{host.url}/hook", **still_job)
    good = sent.json()["data"]["task_id"]
    bad = live.submit(callback_url=f"{host.url}/hook", audio_path="noise.wav").json()["data"]["task_id"]
    eventually(lambda: len(hooks_of(host, good, bad)) >= 4)
    hook_of: dict[str, Any] = {}
    hooks = hooks_of(host, good, bad)
    for headers, body in hooks:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        assert f"v1,{digest}" in headers["webhook-signature"].split(" ")
        Webhook(SECRET).verify(body, headers)
        hook_of[headers["webhook-id"]] = json.loads(body)
    assert hook_of[good]["type"] == "task.succeeded" and hook_of[good]["result"]["frames"] == 50
    assert hook_of[good]["warnings"][0].startswith("the mouth never opens in the template")
    assert hook_of[bad]["type"] == "task.failed"
    assert (hook_of[bad]["error"]["code"], hook_of[bad]["error"]["error"]) == (400, "media_unreadable")
    assert len(hooks) == 4, "each is refused once and sent again"
    assert live.submit(callback_url="http://example.org/").status_code == 403


def test_progress_is_reported_where_asked_and_never_after_the_end(live: Live, host: Host) -> None:
    fields = {"callback_url": f"{host.url}/hook", "callback_progress": True, "audio_path": "long.wav"}
    task_id = live.submit(**fields, save_path="p.mp4").json()["data"]["task_id"]
    live.until(task_id, "succeeded")
    eventually(lambda: json.loads(hooks_of(host, task_id)[-1][1])["type"] == "task.succeeded")
    for headers, body in hooks_of(host, task_id):
        Webhook(SECRET).verify(body, headers)
    *sent, end = [json.loads(body) for _, body in hooks_of(host, task_id)]
    sent = [hook for hook in sent if hook["type"] != end["type"]]  # its first attempt is refused
    assert {hook["type"] for hook in sent} == {"task.progress"}
    progress = [hook["progress"] for hook in sent]
    assert len(progress) > 1 and progress == sorted(progress) and 0 < progress[-1] < 1
    assert "render" in {hook["stage"] for hook in sent}
    ids = [headers["webhook-id"] for headers, body in hooks_of(host, task_id) if json.loads(body) in sent]
    assert len(set(ids)) == len(ids)


def test_progress_needs_somewhere_to_go(live: Live) -> None:
    answer = live.submit(callback_progress=1)
    assert (answer.status_code, answer.json()["error"]) == (400, "callback_url_missing")


def hooks_of(host: Host, *task_ids: str) -> list[tuple[dict[str, str], bytes]]:
    """The calls about these tasks, in the order in which they came."""
    return [(headers, body) for headers, body in list(host.hooks) if json.loads(body)["task_id"] in task_ids]


def test_every_file_says_that_a_machine_made_it(live: Live, media: Path) -> None:
    for suffix in ("mp4", "mov", "mkv"):
        answer = live.submit(save_path=f"label.{suffix}", mode="sync")
        assert answer.status_code == 200
        with av.open(str(media / f"label.{suffix}")) as container:
            label = json.loads(container.metadata["AIGC"])
        assert label["Label"] == "1" and label["ContentProducer"] == "001191110000TEST"
        assert label["ProduceID"] == answer.json()["data"]["task_id"]
        assert list(label)[3:] == ["ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"]


def test_the_mark_is_drawn_though_nobody_asked_where_it_is_mandatory(live: Live, media: Path) -> None:
    assert live.submit(save_path="mark.mp4", mode="sync", digital_auth=0).status_code == 200
    with av.open(str(media / "mark.mp4")) as made, av.open(str(media / "template.mkv")) as source:
        a, b = (next(c.decode(video=0)).to_ndarray(format="gray").astype(int) for c in (made, source))
    assert abs(a - b)[10:50, 500:710].max() > 60 and abs(a - b)[200:].max() < 60
