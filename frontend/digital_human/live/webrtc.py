"""Sends a session to WebRTC peers: H.264 as the session's process made it, and its sound as Opus.

The package aiortc comes with the extra `live` and is imported when the first peer asks.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from digital_human.errors import BadInputError, UnavailableError
from digital_human.live.candidates import Network, restricted
from digital_human.live.messages import H264, HEADER, SOUND
from digital_human.live.session import LiveSession
from digital_human.live.viewers import MOST_WAITING, Viewer

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

MICROSECONDS = Fraction(1, 1_000_000)
_PATIENCE = 30.0
"""Seconds in which a peer must connect."""
_AUDIO = re.compile("^m=audio ", re.MULTILINE)
_SERVER = re.compile(r"(?P<scheme>stuns?|turns?):(?:(?P<user>[^:@]+):(?P<password>[^@]+)@)?(?P<rest>.+)")


@dataclass(frozen=True)
class Peer:
    """One connection. answer: SDP"""

    id: str
    session: LiveSession
    answer: str
    connection: RTCPeerConnection


class Peers:
    """The WebRTC connections of a service, by id.

    servers:  STUN and TURN, as `turn:user:password@host:3478`
    networks: private ones in which peers may lie
    """

    def __init__(self, servers: Sequence[str], networks: Sequence[Network] = ()) -> None:
        self._servers = servers
        self._networks = networks
        self._peers: dict[str, Peer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, session: LiveSession, offer: str, caller: str | None) -> Peer:
        """Answer a peer's offer, SDP; the session goes to it until either of them ends.

        caller: the address that the offer came from
        Raises BadInputError for an offer that cannot be answered, QueueFullError where the session has too many
        clients, and UnavailableError without aiortc.
        """
        try:
            from aiortc import RTCPeerConnection, RTCSessionDescription
        except ImportError as error:
            raise UnavailableError("live_webrtc_missing", transient=False) from error
        configuration = configuration_of(self._servers)
        viewer = session.attach("h264")
        connection = RTCPeerConnection(configuration)
        tracks = tracks_of(session)
        if not _AUDIO.search(offer):
            del tracks[SOUND]
        try:
            add_tracks(connection, tracks, session)
            offer = restricted(offer, caller, self._networks)
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
        except Exception as error:
            session.detach(viewer)
            await connection.close()
            # The library raises what it happens to meet in an offer that makes no sense.
            raise BadInputError("live_offer_invalid", reason=type(error).__name__) from error
        peer = Peer(uuid.uuid4().hex, session, connection.localDescription.sdp, connection)
        self._peers[peer.id] = peer
        self._tasks.add(task := asyncio.create_task(self._run(peer, viewer, tracks)))
        task.add_done_callback(self._tasks.discard)
        return peer

    def find(self, peer_id: str, session: LiveSession) -> Peer | None:
        peer = self._peers.get(peer_id)
        return peer if peer is not None and peer.session is session else None

    async def _run(self, peer: Peer, viewer: Viewer, tracks: Mapping[int, Any]) -> None:
        gone = asyncio.Event()

        async def look() -> None:
            if peer.connection.connectionState in ("failed", "closed"):
                gone.set()
            elif peer.connection.connectionState == "connected":
                late.cancel()

        # A peer that is nowhere to be found would take a client's place for as long as the session lasts.
        late = asyncio.get_running_loop().call_later(_PATIENCE, gone.set)
        peer.connection.on("connectionstatechange", look)
        await look()
        feeding = asyncio.create_task(feed(viewer, tracks))
        leaving = asyncio.create_task(gone.wait())
        try:
            await asyncio.wait((feeding, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            late.cancel()
            for task in (feeding, leaving):
                task.cancel()
            self._peers.pop(peer.id, None)
            peer.session.detach(viewer)
            with suppress(Exception):
                await peer.connection.close()


async def feed(viewer: Viewer, tracks: Mapping[int, Any]) -> None:
    while (item := await viewer.next()) is not None:
        if isinstance(item, bytes):
            kind, *_, timestamp = HEADER.unpack_from(item)
            if kind in tracks:
                tracks[kind].put(timestamp, item[HEADER.size :])


def configuration_of(servers: Sequence[str]) -> Any:
    from aiortc import RTCConfiguration, RTCIceServer

    found = []
    for server in servers:
        match = _SERVER.fullmatch(server)
        if match is None:
            raise UnavailableError("live_ice_server_invalid", transient=False, server=server.partition(":")[0])
        url = f"{match['scheme']}:{match['rest']}"
        found.append(RTCIceServer(urls=url, username=match["user"], credential=match["password"]))
    return RTCConfiguration(iceServers=found)


def add_tracks(connection: Any, tracks: Mapping[int, Any], session: LiveSession) -> None:
    """Offer the tracks, before the peer's description is set: it decides on the codec."""
    from aiortc import RTCRtpSender

    sender = connection.addTransceiver(tracks[H264], "sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    sender.setCodecPreferences([codec for codec in codecs if codec.mimeType == "video/H264"])
    # What the peer lost is made good by the next key frame, which the session makes for all.
    sender.sender._send_keyframe = session.ask_for_key
    if SOUND in tracks:
        connection.addTransceiver(tracks[SOUND], "sendonly")


def tracks_of(session: LiveSession) -> dict[int, Any]:
    """A video and an audio track by the kind of media, which give what is put into them."""
    from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
    from av.audio.frame import AudioFrame
    from av.packet import Packet

    rate = session.options.sample_rate

    class Track(MediaStreamTrack):
        def __init__(self, kind: str, make: Callable[[int, bytes], Any]) -> None:
            super().__init__()
            self.kind = kind
            self._make = make
            self._given: asyncio.Queue[Any] = asyncio.Queue()

        def put(self, timestamp: int, payload: bytes) -> None:
            if self._given.qsize() > MOST_WAITING:
                # The peer has not connected yet, or not any more.
                while not self._given.empty():
                    self._given.get_nowait()
                session.ask_for_key()
            self._given.put_nowait(self._make(timestamp, payload))

        async def recv(self) -> Any:
            if self.readyState != "live":
                raise MediaStreamError
            return await self._given.get()

    def picture(timestamp: int, unit: bytes) -> Any:
        packet = Packet(unit)
        packet.pts, packet.time_base = timestamp, MICROSECONDS
        return packet

    def sound(timestamp: int, pcm: bytes) -> Any:
        frame = AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[None], format="s16", layout="mono")
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = round(timestamp * rate * MICROSECONDS)
        return frame

    return {H264: Track("video", picture), SOUND: Track("audio", sound)}
