"""A session sent on to receivers: what reaches them, and that none of them holds it up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digital_human.live.messages import SOUND
from digital_human.triton.embedded.server import TritonServer
from tests.live import free_port
from tests.live_service import Live, eventually
from tests.live_sessions.client import Client, session, tone
from tests.live_sessions.rtmp_receiver import receiver

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    # Large pictures, so that a receiver that reads nothing is found out soon.
    settings: dict[str, Any] = {"live_push_hosts": "127.0.0.1", "live_crf": 3}
    with Live(media, triton_url=triton.url, engine="default", **settings) as service:
        yield service


def push(live: Live, client: Client, url: str, **fields: str) -> str:
    """The address of the push."""
    answer = live.client.post(f"{path_of(client)}/push", json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    assert "secret" not in answer.text
    return answer.headers["Location"]


def path_of(client: Client) -> str:
    return f"/live/sessions/{client.session['session_id']}"


def told(live: Live, client: Client) -> dict[str, Any]:
    answer = live.client.get(path_of(client))
    assert "secret" not in answer.text
    (view,) = answer.json()["data"]["pushes"]
    return dict(view)


class Listener(threading.Thread):
    """FFmpeg as a receiver of RTMP; takes one stream and decodes it until `enough` pictures came."""

    def __init__(self, port: int, enough: int) -> None:
        super().__init__(daemon=True)
        self.port, self.enough = port, enough
        self.pictures: list[float] = []
        self.sound: list[float] = []
        self.loudest, self.size, self.label = 0.0, (0, 0), ""
        self.start()

    def run(self) -> None:
        url = f"rtmp://127.0.0.1:{self.port}/live/top-secret"
        with av.open(url, options={"listen": "1", "analyzeduration": "1000000"}) as source:
            self.label = source.metadata.get("AIGC", "")
            for frame in source.decode(video=0, audio=0):
                if isinstance(frame, av.VideoFrame):
                    self.pictures.append(frame.time or 0.0)
                    self.size = frame.width, frame.height
                elif isinstance(frame, av.AudioFrame):
                    self.sound.append(frame.time or 0.0)
                    self.loudest = max(self.loudest, float(np.abs(frame.to_ndarray()).max()))
                if len(self.pictures) >= self.enough:
                    return


def test_rtmp_takes_pictures_and_sound(live: Live) -> None:
    port = free_port()
    with session(live.client, video="events") as client:
        listener = Listener(port, 60)
        place = push(live, client, f"rtmp://127.0.0.1:{port}/live/top-secret")
        eventually(lambda: told(live, client)["state"] == "sending")
        assert told(live, client)["receiver"] == f"rtmp://127.0.0.1:{port}"
        client.say(tone(1.0, 16_000))
        client.tell("flush")
        client.until("finished")
        listener.join(60)
        assert not listener.is_alive()
        assert listener.size == (client.session["width"], client.session["height"])
        assert '"Label":"1"' in listener.label
        frames = np.array(listener.pictures) * client.session["fps"]
        assert np.abs(frames - np.rint(frames)).max() < 0.05  # one clock, in milliseconds
        assert listener.loudest > 0.2
        assert abs(listener.sound[0] - listener.pictures[0]) < 0.03
        # The receiver has hung up, and comes back.
        again = Listener(port, 10)
        again.join(60)
        assert len(again.pictures) == 10
        assert told(live, client)["connections"] == 2
        assert live.client.delete(place).status_code == 204
        assert live.client.delete(place).status_code == 404
        assert live.client.get(path_of(client)).json()["data"]["pushes"] == []
    log = live.log.read_text()
    assert "live session is sent on" in log and "secret" not in log


def test_a_receiver_that_reads_nothing_holds_nobody_up(live: Live) -> None:
    with receiver() as port, session(live.client) as client:
        push(live, client, f"rtmp://127.0.0.1:{port}/live/top-secret")
        client.say(tone(20.0, 16_000))
        began, first = time.monotonic(), client.until_media(SOUND).timestamp
        while not told(live, client)["dropped"]:
            for _ in range(25):
                last = client.until_media(SOUND).timestamp
            passed = time.monotonic() - began
            assert passed < 60
        assert np.ptp(np.diff([m.timestamp for m in client.media if m.kind == SOUND])) == 0
        held = live.client.get(path_of(client)).json()["data"]["held_seconds"]
        assert (last - first) / 1e6 > passed - held - 1.0


def test_what_a_receiver_refuses_is_told_without_its_key(live: Live) -> None:
    with receiver("NetStream.Publish.BadName") as port, session(live.client, video="events") as client:
        push(live, client, f"rtmp://127.0.0.1:{port}/live/top-secret")
        eventually(lambda: told(live, client)["state"] == "failed")
        view = told(live, client)
        assert view["error"] == "live_push_refused" and "NetStream.Publish.BadName" in view["message"]
    assert "secret" not in live.log.read_text()


@pytest.mark.parametrize(
    ("url", "status", "error"),
    [
        ("rtmp://10.0.0.1/live/secret", 403, "host_not_allowed"),
        ("rtmp://user:secret@127.0.0.1/live/secret", 400, "url_scheme"),
        ("srt://127.0.0.1/live/secret", 400, "url_scheme"),
        ("rtmp://127.0.0.1/secret", 400, "live_push_url"),
        ("secret", 400, "url_scheme"),
    ],
)
def test_a_receiver_that_may_not_be_is_refused_at_once(live: Live, url: str, status: int, error: str) -> None:
    answer = live.client.post("/live/sessions", json={"video_path": "template.mkv", "push": {"url": url}})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "secret" not in answer.text
    assert live.client.get("/live/sessions").json()["data"] == []


class Whip:
    """A receiver of WHIP. permission: what it was shown; pictures, ended: what became of the session"""

    def __init__(self) -> None:
        self.permission, self.kinds, self.ended, self.size = "", set[str](), False, (0, 0)
        self._peers: list[Any] = []
        self.app = Starlette(
            routes=[Route("/whip", self._take, methods=["POST"]), Route("/whip/1", self._leave, methods=["DELETE"])]
        )

    async def _take(self, request: Request) -> Response:
        import aiortc

        self.permission = request.headers.get("Authorization", "")
        if self.permission != "Bearer top-secret":
            return Response(status_code=403)
        connection = aiortc.RTCPeerConnection()
        self._peers.append(connection)

        @connection.on("track")  # type: ignore[untyped-decorator, unused-ignore]
        def on_track(track: Any) -> None:
            self._peers.append(asyncio.ensure_future(self._watch(track)))

        offer = (await request.body()).decode()
        await connection.setRemoteDescription(aiortc.RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return Response(connection.localDescription.sdp, 201, {"Location": "/whip/1"}, "application/sdp")

    async def _leave(self, request: Request) -> Response:
        self.ended = True
        await self._peers[0].close()
        return Response(status_code=200)

    async def _watch(self, track: Any) -> None:
        frame = await track.recv()
        if track.kind == "video":
            self.size = frame.width, frame.height
        self.kinds.add(track.kind)


@contextmanager
def whip() -> Iterator[tuple[Whip, str]]:
    found, port = Whip(), free_port()
    server = uvicorn.Server(uvicorn.Config(found.app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    try:
        yield found, f"http://127.0.0.1:{port}/whip"
    finally:
        server.should_exit = True
        thread.join(20)


def test_whip_takes_pictures_and_sound(live: Live) -> None:
    pytest.importorskip("aiortc")
    with whip() as (taken, url), session(live.client, video="events") as client:
        place = push(live, client, url, token="top-secret")
        eventually(lambda: taken.kinds == {"video", "audio"})
        assert taken.size == (client.session["width"], client.session["height"])
        assert told(live, client)["state"] == "sending" and told(live, client)["kind"] == "whip"
        assert live.client.delete(place).status_code == 204
        assert taken.ended
        push(live, client, url, token="a-wrong-secret")
        eventually(lambda: told(live, client)["state"] == "failed")
        assert "HTTP 403" in told(live, client)["message"]
    log = live.log.read_text()
    assert "secret" not in log and "/whip" not in log
