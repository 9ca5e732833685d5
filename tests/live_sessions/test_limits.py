"""Who may use a live session, how many there may be, and when they end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from digital_human.triton.embedded.server import TritonServer
from tests.forked_workers import is_worker
from tests.live_service import Live, eventually
from tests.live_sessions.client import connection

MODULE = "digital_human.live.worker.main"
REQUEST = {"video_path": "template.mkv"}


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    settings: dict[str, Any] = {
        "live_sessions": 1,
        "live_idle_seconds": 1,
        "api_keys": "one,two",
        "live_service": "here",
    }
    with Live(media, triton_url=triton.url, engine="default", **settings) as service:
        yield service


def as_user(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def refusal(address: str, **headers: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers=headers):
        pass
    return refused.value.response.status_code, refused.value.response.body.decode()


def test_a_session_is_its_owners_and_ends_when_left(live: Live) -> None:
    assert live.client.post("/live/sessions", json=REQUEST).status_code == 401
    answer = live.client.post("/live/sessions", json=REQUEST, headers=as_user("one"))
    assert answer.status_code == 201, answer.text
    data = answer.json()["data"]
    path, address = f"/live/sessions/{data['session_id']}", data["websocket"].partition("?")[0]
    with connection(data):
        full = live.client.post("/live/sessions", json=REQUEST, headers=as_user("one"))
        assert (full.status_code, full.json()["error"]) == (429, "live_sessions_full")
        assert full.headers["Retry-After"]
        assert live.client.get(path, headers=as_user("two")).status_code == 404
        assert live.client.delete(path, headers=as_user("two")).status_code == 404
        assert live.client.get("/live/sessions", headers=as_user("two")).json()["data"] == []
        assert refusal(address)[0] == 401
        assert refusal(f"{address}?token=0-abc")[0] == 401
        assert refusal(data["websocket"], Origin="https://elsewhere.example")[0] == 403
        assert refusal(f"{data['websocket']}&video=mp4")[0] == 400
        assert refusal(address, **as_user("two"))[0] == 404
        # The token in the address stands for a key here too, and the offer is what is wrong.
        watch = f"{path}/whep?{data['websocket'].partition('?')[2]}"
        assert live.client.post(watch, content="no offer").status_code == 400
        assert live.client.post(f"{path}/whep?token=0-abc", content="no offer").status_code == 401
        assert live.client.post(f"{path}/whep", content="no offer").status_code == 401
    eventually(lambda: live.client.get(path, headers=as_user("one")).status_code == 404)
    assert "live session ended" in live.log.read_text()
    assert data["websocket"].partition("token=")[2] not in live.log.read_text()


def test_a_session_of_another_service_is_told_as_such(live: Live) -> None:
    answer = live.client.get("/live/sessions/5c1d.there", headers=as_user("one"))
    assert (answer.status_code, answer.json()["error"]) == (404, "live_session_elsewhere")
    assert "there" in answer.json()["message"]


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"engine": "passthrough"}, 400, "engine_not_live"),
        ({"sample_rate": 100}, 400, "field_invalid"),
        ({"video_path": "nowhere.mp4"}, 404, "file_not_found"),
        ({"video_path": "https://example.org/a.mp4"}, 403, None),
        ({"video_path": "speech.wav"}, 400, None),
    ],
)
def test_what_cannot_be_used_is_refused(live: Live, fields: dict[str, object], status: int, error: str | None) -> None:
    answer = live.client.post("/live/sessions", json=REQUEST | fields, headers=as_user("one"))
    assert answer.status_code == status, answer.text
    assert error is None or answer.json()["error"] == error
    assert live.client.get("/live/sessions", headers=as_user("one")).json()["data"] == []


def test_processes_end_with_the_service(own_media: Path, triton: TritonServer) -> None:
    service = Live(own_media, triton_url=triton.url, engine="default").wait()
    answer = service.client.post("/live/sessions", json=REQUEST)
    assert answer.status_code == 201
    found = [
        pid
        for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        if is_worker(pid, MODULE) and _parent(pid) == service.process.pid
    ]
    assert len(found) == 1
    service.kill()
    eventually(lambda: not is_worker(found[0], MODULE))


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
