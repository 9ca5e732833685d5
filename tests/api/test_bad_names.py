"""Names that cannot be used, of hosts, targets and uploads, are refused when they are handed in."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, leftovers

MALFORMED = "http://xn--/"


class _Redirects(BaseHTTPRequestHandler):
    """/xn redirects to a host whose name is malformed, any other path to nowhere."""

    def do_GET(self) -> None:
        self.send_response(302)
        if self.path == "/xn":
            self.send_header("Location", MALFORMED)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def redirects() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Redirects)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    settings: dict[str, Any] = {
        "url_hosts": "127.0.0.1",
        "callback_hosts": "127.0.0.1",
        "webhook_secret": "hook-secret",
    }
    with Live(media, triton_url=triton.url, **settings) as live:
        yield live


@pytest.mark.parametrize("field", ["audio_path", "video_path", "callback_url"])
def test_a_host_with_a_malformed_name_is_bad_input(live: Live, field: str) -> None:
    answer = live.submit(**{field: MALFORMED})
    assert answer.status_code == 400 and answer.json()["message"] == f"{field}: is not a URL"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("xn", "audio_path: cannot be fetched (RemoteProtocolError)"),
        ("nowhere", "audio_path: the host answers 302"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_bad_input(live: Live, redirects: str, path: str, reason: str) -> None:
    answer = live.submit(mode="sync", audio_path=f"{redirects}/{path}", save_path="redirected.mp4")
    assert answer.status_code == 400 and answer.json()["message"] == reason
    assert leftovers(live.base) == []


def test_a_target_that_cannot_be_made_is_bad_input(live: Live) -> None:
    (live.base / "file.mp4").touch()
    os.mkfifo(live.base / "pipe.mp4")
    for save in ("file.mp4/x.mp4", "x" * 300, "x" * 300 + ".mp4", "x" * 250 + ".mp4", "pipe.mp4"):
        answer = live.submit(save_path=save)
        assert answer.status_code == 400 and answer.json()["message"].startswith("save_path: "), answer.text


@pytest.mark.parametrize(
    ("boundary", "body", "reason"),
    [
        ("x" * 257, b"", "boundary of the body is too long"),
        ("x", b"", "closing boundary"),
        ("x", b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nsound", "closing boundary"),
        ("x", b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nsound\r\n--x\r\n", "closing boundary"),
    ],
)
def test_an_upload_is_whole_or_refused(live: Live, boundary: str, body: bytes, reason: str) -> None:
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = live.client.post("/human/uploads", content=body, headers=kind)
    assert answer.status_code == 400 and reason in answer.json()["message"], answer.text
    uploads = live.base / ".state" / "uploads"
    assert not uploads.exists() or list(uploads.iterdir()) == []
