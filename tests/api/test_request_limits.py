"""What one request may not do: fill memory, hold up others, or come from a web page of somebody else."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from digital_human.api.bodies import MAX_DEPTH
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    with Live(media, triton_url=triton.url, api_keys="alice", host="127.0.0.1", allow_anonymous=0) as live:
        yield live


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory, triton: TritonServer) -> Iterator[Live]:
    base = tmp_path_factory.mktemp("keyless")
    with Live(base, triton_url=triton.url, allowed_origins="https://studio.example", allowed_hosts="avatar") as live:
        yield live


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


KEY = {"Authorization": "Bearer alice"}
JSON = {"Content-Type": "application/json"}


def test_the_key_is_checked_before_the_body_is_read(live: Live) -> None:
    before = resident(live.process.pid)
    answer = live.client.post("/human/generate", content=iter([bytes(2**20)] * 40), headers=JSON)
    assert answer.status_code == 401 and answer.json()["code"] == 401
    assert resident(live.process.pid) - before < 20 * 2**20


@pytest.mark.parametrize("path", ["/human/generate", "/easy/submit", "/engines/default/load"])
def test_a_large_body_is_refused_unread(live: Live, path: str) -> None:
    announced = live.client.post(path, content=b" " * (256 * 2**10 + 1), headers=KEY | JSON)
    streamed = live.client.post(path, content=iter([b" " * 2**16] * 5), headers=KEY | JSON)
    assert [announced.status_code, streamed.status_code] == [413, 413]
    assert "262144 bytes" in announced.text


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_is_bounded(live: Live, opening: bytes) -> None:
    answer = live.client.post("/human/generate", content=opening * (MAX_DEPTH + 1), headers=KEY | JSON)
    assert answer.status_code == 400 and "levels" in answer.json()["message"]


def test_brackets_within_text_are_no_nesting(live: Live) -> None:
    body = json.dumps({"audio_path": "[" * 100 + '"{', "video_path": "template.mkv", "save_path": "a.mp4"})
    answer = live.client.post("/human/generate", content=body, headers=KEY | JSON)
    assert answer.status_code == 404 and answer.json()["message"].startswith("audio_path")


def test_health_answers_while_many_empty_lists_arrive(live: Live) -> None:
    body = b"[" + b"[]," * 80_000 + b"[]]"
    stop, waits = threading.Event(), list[float]()

    def ask() -> None:
        with httpx.Client(base_url=live.client.base_url) as client:
            while not stop.is_set():
                started = time.perf_counter()
                assert client.get("/health").status_code == 200
                waits.append(time.perf_counter() - started)

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(10):
        assert live.client.post("/human/generate", content=body, headers=KEY | JSON).status_code == 400
    stop.set()
    asking.join()
    assert len(waits) >= 10  # one at least between any two of them


def test_json_needs_no_content_type(live: Live) -> None:
    body = json.dumps({"audio_path": "no.wav", "video_path": "template.mkv", "save_path": "a.mp4"})
    for kind in ({}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/plain"}):
        answer = live.client.post("/human/generate", content=body.encode(), headers=KEY | kind)
        assert answer.status_code == 404, answer.text


def test_json_without_its_content_type_is_not_taken_from_a_foreign_page(live: Live) -> None:
    headers = KEY | {"Content-Type": "text/plain", "Origin": "https://elsewhere.example"}
    answer = live.client.post("/human/generate", content=b"{}", headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Origin": "SELF"}, 400),
        ({"Sec-Fetch-Site": "same-origin"}, 400),
        ({"Origin": "https://studio.example"}, 400),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/human/uploads", "/human/generate"])
def test_foreign_pages_may_not_send(keyless: Live, path: str, headers: dict[str, str], status: int) -> None:
    own = {name: f"http://127.0.0.1:{keyless.port}" if value == "SELF" else value for name, value in headers.items()}
    assert keyless.client.post(path, content=b"x", headers=own).status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:9", 200),
        ("avatar:8308", 200),
        ("evil.example", 403),
        ("", 403),
    ],
)
def test_other_names_of_this_machine_are_refused(keyless: Live, host: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", keyless.port)) as connection:
        connection.sendall(f"GET /human/tasks HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert int(answer.split()[1]) == status, answer


def test_an_allowed_page_may_read_the_answers(keyless: Live) -> None:
    answer = keyless.client.get("/health", headers={"Origin": "https://studio.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://studio.example"
    assert "Access-Control-Allow-Origin" not in keyless.client.get("/health", headers={"Origin": "https://x.y"}).headers


def test_with_keys_any_page_and_any_name_may_call(live: Live) -> None:
    headers = KEY | {"Origin": "https://elsewhere.example", "Host": "digital-human"}
    assert live.client.get("/human/tasks", headers=headers).status_code == 200
    assert live.client.post("/human/generate", json={}, headers=headers).status_code == 400


@pytest.mark.parametrize("path", ["/health", "/ready", "/human/tasks", "/engines", "/metrics", "/", "/openapi.json"])
def test_head_answers_where_get_does_without_a_body(live: Live, path: str) -> None:
    got, asked = (live.client.request(method, path, headers=KEY) for method in ("GET", "HEAD"))
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    assert asked.headers["Content-Type"] == got.headers["Content-Type"]


def test_connections_without_a_request_are_closed(tmp_path: Path, triton: TritonServer) -> None:
    with Live(tmp_path, triton_url=triton.url, header_seconds=0.5) as live:
        where = ("127.0.0.1", live.port)
        silent, slow, kept = (socket.create_connection(where, timeout=60) for _ in range(3))
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
        kept.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert kept.recv(4096).startswith(b"HTTP/1.1 200")
        for connection in (silent, slow):
            answer = b"".join(iter(lambda c=connection: c.recv(4096), b""))  # type: ignore[misc]
            assert answer.startswith(b"HTTP/1.1 408")
            connection.close()
        kept.close()
        assert live.client.get("/health").status_code == 200
