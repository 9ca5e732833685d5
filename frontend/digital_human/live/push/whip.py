"""A session over WHIP (RFC 9725): an offer over HTTP, and the session as WebRTC to whoever answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_network

import httpx

from digital_human.errors import ServiceError, UnavailableError
from digital_human.live.candidates import Network, restricted
from digital_human.live.push.receiver import CONNECT_SECONDS, FIELD, SETTING, OnSending, Receiver
from digital_human.live.session import LiveSession
from digital_human.live.webrtc import add_tracks, configuration_of, feed, tracks_of
from digital_human.net.rtmp import RefusedError
from digital_human.net.safe_http import stream

SDP = "application/sdp"
_LONGEST_ANSWER = 64 * 1024
_TIMEOUT = 10.0
_FAREWELL = 3.0
"""Seconds in which a receiver is told that the session is over."""


async def send(
    session: LiveSession, receiver: Receiver, servers: Sequence[str], networks: Sequence[Network], on_sending: OnSending
) -> None:
    """Send the session until it ends.

    servers, networks: see `webrtc.Peers`
    Raises RefusedError, TimeoutError where no connection comes about, ConnectionError where it breaks, httpx.HTTPError,
    ServiceError for what the settings do not allow, and UnavailableError without aiortc.
    """
    try:
        from aiortc import RTCPeerConnection, RTCSessionDescription
    except ImportError as error:
        raise UnavailableError("live_webrtc_missing", transient=False) from error
    connection, place = RTCPeerConnection(configuration_of(servers)), None
    tracks, connected, gone = tracks_of(session), asyncio.Event(), asyncio.Event()

    def look() -> None:
        if connection.connectionState == "connected":
            connected.set()
        elif connection.connectionState in ("failed", "closed"):
            gone.set()

    connection.on("connectionstatechange", look)
    try:
        add_tracks(connection, tracks, session)
        await connection.setLocalDescription(await connection.createOffer())
        answer, place = await _offered(receiver, connection.localDescription.sdp)
        allowed = (*networks, *_networks(receiver.hosts))
        try:
            answer = restricted(answer, str(await receiver.address()), allowed)
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        except ServiceError:
            raise
        except Exception as error:
            # The library raises what it happens to meet in an answer that makes no sense.
            raise RefusedError("no answer in SDP") from error
        await asyncio.wait_for(connected.wait(), CONNECT_SECONDS)
        viewer = session.attach("h264")
        on_sending(viewer)
        feeding = asyncio.create_task(feed(viewer, tracks))
        leaving = asyncio.create_task(gone.wait())
        try:
            await asyncio.wait((feeding, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not feeding.done():
                raise ConnectionError("the connection broke")
            feeding.result()
        finally:
            for task in (feeding, leaving):
                task.cancel()
            session.detach(viewer)
    finally:
        with suppress(Exception):
            await connection.close()
        if place is not None:
            with suppress(ServiceError, httpx.HTTPError, asyncio.TimeoutError):
                await asyncio.wait_for(_ended(receiver, place), _FAREWELL)


async def _offered(receiver: Receiver, offer: str) -> tuple[str, str | None]:
    """The answer, SDP, and the address at which the session is ended."""
    headers = {**_permission(receiver), "Content-Type": SDP, "Accept": SDP}
    # A redirect would take the token to another host.
    async with stream(
        "POST", str(receiver.url), FIELD, receiver.hosts, SETTING, _TIMEOUT, offer.encode(), headers, redirects=False
    ) as response:
        if response.status_code != httpx.codes.CREATED:
            raise RefusedError(f"HTTP {response.status_code}")
        answer = b""
        async for chunk in response.aiter_bytes():
            answer += chunk
            if len(answer) > _LONGEST_ANSWER:
                raise RefusedError("no answer in SDP")
        location = response.headers.get("Location")
    return answer.decode("utf-8", "replace"), str(receiver.url.join(location)) if location else None


async def _ended(receiver: Receiver, place: str) -> None:
    if httpx.URL(place).host == receiver.url.host:
        headers = _permission(receiver)
        async with stream("DELETE", place, FIELD, receiver.hosts, SETTING, _FAREWELL, headers=headers, redirects=False):
            pass


def _permission(receiver: Receiver) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {receiver.token}"} if receiver.token else {}


def _networks(hosts: Sequence[str]) -> list[Network]:
    """The entries that are addresses or networks."""
    found = []
    for host in hosts:
        with suppress(ValueError):
            found.append(ip_network(host, strict=False))
    return found
