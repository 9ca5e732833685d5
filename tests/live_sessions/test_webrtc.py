"""A session over WebRTC, watched by a real peer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, eventually
from tests.live_sessions.client import session, tone

aiortc = pytest.importorskip("aiortc")

pytestmark = pytest.mark.triton


async def watch(http: httpx.Client, path: str) -> tuple[list[Any], list[Any], httpx.Response]:
    """Ten pictures, ten frames of sound, and the answer to the offer."""
    connection = aiortc.RTCPeerConnection()
    received: dict[str, Any] = {}
    both = asyncio.Event()

    @connection.on("track")  # type: ignore[untyped-decorator, unused-ignore]
    def on_track(track: Any) -> None:
        received[track.kind] = track
        if len(received) == 2:
            both.set()

    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    answer = await asyncio.to_thread(
        http.post,
        f"{path}/whep",
        content=connection.localDescription.sdp,
        headers={"Content-Type": "application/sdp"},
    )
    assert answer.status_code == 201, answer.text
    await connection.setRemoteDescription(aiortc.RTCSessionDescription(answer.text, "answer"))
    await asyncio.wait_for(both.wait(), 60)
    pictures = [await asyncio.wait_for(received["video"].recv(), 60) for _ in range(10)]
    sound = [await asyncio.wait_for(received["audio"].recv(), 60) for _ in range(10)]
    await connection.close()
    return pictures, sound, answer


def test_a_peer_sees_and_hears_the_session(address: str) -> None:
    with httpx.Client(base_url=address, timeout=120) as http, session(http, video="events") as client:
        path = f"/live/sessions/{client.session['session_id']}"
        client.say(tone(1.0, 16_000))
        client.tell("flush")
        pictures, sound, answer = asyncio.run(watch(http, path))
        size = client.session["width"], client.session["height"]
        assert {(picture.width, picture.height) for picture in pictures} == {size}
        assert all(frame.sample_rate == 48_000 for frame in sound)
        assert "H264" in answer.text and "VP8" not in answer.text  # as the session encodes it, once for all
        place = answer.headers["Location"]
        assert http.delete(place).status_code in (204, 404)  # the peer may be known to be gone already
        assert http.delete(place).status_code == 404
        client.until("finished")  # a listener to events gets those
        assert not client.media


@pytest.mark.parametrize("offer", ["", "hello", "v=0\r\nnothing more"])
def test_an_offer_that_makes_no_sense_is_refused(address: str, offer: str) -> None:
    with httpx.Client(base_url=address, timeout=120) as http, session(http, video="events") as client:
        path = f"/live/sessions/{client.session['session_id']}/whep"
        assert http.post(path, content=offer).status_code == 400
        assert http.post(f"{path}?token=1-2", content="v=0").status_code == 401


def test_a_page_of_livetalking_finds_its_calls(address: str) -> None:
    with httpx.Client(base_url=address, timeout=120) as http:
        answer = asyncio.run(offer(http, {}))
        assert (answer["code"], answer["sessionid"]) == (-1, 0) and "LIVE_TEMPLATE" in answer["msg"]
        assert http.post("/is_speaking", json={"sessionid": 5}).json()["code"] == -1


def test_it_speaks_recordings_and_is_interrupted(own_media: Path, triton: TritonServer) -> None:
    with Live(own_media, triton_url=triton.url, engine="default", live_template="template.mkv") as live:
        http = live.client
        answer = asyncio.run(offer(http, {}))
        assert answer["code"] == 0 and answer["type"] == "answer" and "H264" in answer["sdp"]
        named = {"sessionid": answer["sessionid"]}
        said = http.post("/humanaudio", data=named, files={"file": ("a.wav", (own_media / "long.wav").read_bytes())})
        assert said.json() == {"code": 0, "msg": "ok", "data": None}
        eventually(lambda: http.post("/is_speaking", json=named).json()["data"])
        assert http.post("/interrupt_talk", json=named).json()["code"] == 0
        eventually(lambda: http.post("/is_speaking", json=named).json()["data"] is False)
        assert http.post("/human", json=named | {"type": "chat", "text": "hello"}).json()["code"] == -1
        eventually(lambda: not any((own_media / ".state" / "live").iterdir()))


async def offer(http: httpx.Client, fields: dict[str, Any]) -> dict[str, Any]:
    connection = aiortc.RTCPeerConnection()
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    body = {"sdp": connection.localDescription.sdp, "type": "offer", **fields}
    answer: dict[str, Any] = (await asyncio.to_thread(http.post, "/offer", json=body)).json()
    await connection.close()
    return answer
