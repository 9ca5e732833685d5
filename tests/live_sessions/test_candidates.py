"""Where an offer may send the service's packets."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address, ip_network

import httpx
import pytest

from digital_human.live.candidates import may_be_at, restricted
from digital_human.settings import Settings
from tests.live_sessions.client import session

aiortc = pytest.importorskip("aiortc")


async def offered() -> str:
    connection = aiortc.RTCPeerConnection()
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    sdp: str = connection.localDescription.sdp
    await connection.close()
    return sdp


def naming(offer: str, *places: tuple[str, int]) -> str:
    """The offer with other candidates in each of its parts, the first one preferred."""
    named = [f"a=candidate:{k} 1 udp {2**30 - k} {host} {port} typ host" for k, (host, port) in enumerate(places)]
    lines: list[str] = []
    for line in offer.splitlines():
        if not line.startswith(("a=candidate", "a=end-of-candidates")):
            lines += [line, *([*named, "a=end-of-candidates"] if line.startswith("a=ice-pwd") else [])]
    return "\r\n".join([*lines, ""])


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1", True),
        ("192.168.1.5", True),  # the peer's own
        ("::ffff:192.168.1.5", True),
        ("10.1.2.3", True),  # in a network that is allowed
        ("192.168.1.6", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("169.254.169.254", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("224.0.1.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
    ],
)
def test_packets_go_to_public_places_and_to_the_peer(address: str, is_allowed: bool) -> None:
    own = ip_address("192.168.1.5")
    assert may_be_at(ip_address(address), own, [ip_network("10.0.0.0/8")]) is is_allowed


def test_a_hidden_address_is_the_callers_and_a_name_is_none() -> None:
    hidden = "5d1c7a56-3b1c-4a5c-9c35-2b1b2f0d6a11.local"
    offer = naming(asyncio.run(offered()), (hidden, 5000), ("printer.example", 5001), ("127.0.0.1", 5002))
    sent = restricted(offer, "192.168.1.5", [])
    named = [line.split()[4:6] for line in sent.splitlines() if line.startswith("a=candidate")]
    assert named == [["192.168.1.5", "5000"]] * 2
    # Without an end, the peer is still heard when it calls by itself.
    assert "end-of-candidates" not in sent
    assert "a=candidate" not in restricted(offer, None, [])


def test_a_peer_behind_a_router_is_met_where_its_offer_came_from() -> None:
    offer = naming(asyncio.run(offered()), ("192.168.1.5", 5000), ("8.8.8.8", 5001))
    sent = restricted(offer, "1.2.3.4", [])
    named = [line.split()[4:6] for line in sent.splitlines() if line.startswith("a=candidate")]
    assert named == [["8.8.8.8", "5001"], ["1.2.3.4", "5000"]] * 2


def test_networks_that_make_no_sense_are_refused_at_the_start() -> None:
    assert Settings(_env_file=None, live_ice_networks="10.0.0.0/8, fd00::/8").live_ice_networks[1].version == 6
    with pytest.raises(ValueError, match="must be addresses or networks"):
        Settings(_env_file=None, live_ice_networks="everywhere")


@pytest.mark.triton
def test_an_offer_aims_at_nobody_else(address: str) -> None:
    """The service calls the place that the offer came from, and not the one beside it, which the offer prefers."""
    with (
        httpx.Client(base_url=address, timeout=120) as http,
        session(http, video="events") as client,
        socket.socket(type=socket.SOCK_DGRAM) as own,
        socket.socket(type=socket.SOCK_DGRAM) as other,
    ):
        own.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.2", 0))
        own.settimeout(60)
        other.setblocking(False)
        offer = naming(asyncio.run(offered()), other.getsockname(), own.getsockname())
        path = f"/live/sessions/{client.session['session_id']}/whep"
        assert http.post(path, content=offer).status_code == 201
        assert own.recv(2000)
        with pytest.raises(BlockingIOError):
            other.recv(2000)
