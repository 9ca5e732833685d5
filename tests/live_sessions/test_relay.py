"""A session over WebRTC through a real TURN server, as it leaves a container."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live import free_port
from tests.live_service import Live, eventually
from tests.live_sessions.client import session

aiortc = pytest.importorskip("aiortc")
TURN = shutil.which("turnserver")

pytestmark = [pytest.mark.triton, pytest.mark.skipif(not TURN, reason="coturn is not installed")]


@contextmanager
def turn(folder: Path, user: str) -> Iterator[int]:
    """The port of a server that relays to this machine too."""
    assert TURN is not None
    port, log = free_port(), folder / "turn.log"
    options = ["--no-cli", "--no-tls", "--no-dtls", "--lt-cred-mech", "--realm=digital-human", f"--user={user}"]
    places = ["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", f"--listening-port={port}"]
    files = [f"--pidfile={folder}/turn.pid", f"--userdb={folder}/turn.db", f"--log-file={log}", "--simple-log"]
    log.touch()
    command = [TURN, "-n", *options, *places, *files]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: "admin thread" in log.read_text() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield port
        finally:
            process.terminate()


async def picture_over_relay(http: httpx.Client, path: str) -> tuple[int, int]:
    """The size of a picture that came to a peer which knows the relayed address alone."""
    connection = aiortc.RTCPeerConnection()
    found: asyncio.Queue[object] = asyncio.Queue()
    connection.on("track", found.put_nowait)
    connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    answer = await asyncio.to_thread(http.post, f"{path}/whep", content=connection.localDescription.sdp)
    assert answer.status_code == 201, answer.text
    lines = answer.text.splitlines(keepends=True)
    relayed = [line for line in lines if not line.startswith("a=candidate") or " typ relay" in line]
    assert len(relayed) < len(lines) and any(line.startswith("a=candidate") for line in relayed)
    await connection.setRemoteDescription(aiortc.RTCSessionDescription("".join(relayed), "answer"))
    track = await asyncio.wait_for(found.get(), 60)
    picture = await asyncio.wait_for(track.recv(), 60)  # type: ignore[attr-defined]
    await connection.close()
    return picture.width, picture.height


def test_a_peer_that_reaches_only_the_relay_sees_the_session(own_media: Path, triton: TritonServer) -> None:
    user = "digital-human:secret"
    with turn(own_media, user) as port:
        servers, networks = f"turn:{user}@127.0.0.1:{port}", "0.0.0.0/0"  # the peer's own address may be any
        with (
            Live(
                own_media, triton_url=triton.url, engine="default", live_ice_servers=servers, live_ice_networks=networks
            ) as live,
            session(live.client, video="events") as client,
        ):
            size = asyncio.run(picture_over_relay(live.client, f"/live/sessions/{client.session['session_id']}"))
            assert size == (client.session["width"], client.session["height"])
