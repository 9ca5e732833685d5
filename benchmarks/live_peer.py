"""A session over WebRTC, as a real peer gets it: the first picture, and how far sound and picture are apart.

The peer decodes what comes. Its pictures are those that the WebSocket gives too, bit for bit, which tells their moment
in the session; the moment of a sound is found by comparing it with the speech that was sent. From then on packets tell
by themselves which moment they belong to.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import av
import httpx
import numpy as np

from benchmarks.live_turns import PATIENCE, say
from digital_human.live_client import Event, LiveSession, Picture

VIDEO_RATE, AUDIO_RATE = 90_000, 48_000


@dataclass
class Peer:
    """What came, by kind: arrival of each RTP timestamp's last packet, and (RTP timestamp, NTP seconds) of reports.

    pictures: RTP timestamp by picture; sound: (RTP timestamp, samples at 16 kHz)
    """

    arrivals: dict[str, dict[int, float]] = field(default_factory=lambda: {"video": {}, "audio": {}})
    reports: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: {"video": [], "audio": []})
    pictures: dict[int, int] = field(default_factory=dict)
    sound: list[tuple[int, Any]] = field(default_factory=list)


async def measure(url: str, session: LiveSession, speech: bytes, count: int) -> dict[str, Any]:
    """First pictures of `count` utterances as they are spoken, and the skew of the whole time, in seconds.

    session: opened with video="h264"; the speech is 16 kHz
    """
    from aiortc import RTCPeerConnection, RTCSessionDescription

    peer, connection = Peer(), RTCPeerConnection()
    tasks: list[asyncio.Task[None]] = []
    connection.on("track", lambda track: tasks.append(asyncio.create_task(_play(track, peer))))
    for kind in ("video", "audio"):
        _listen(connection.addTransceiver(kind, direction="recvonly").receiver, kind, peer)
    await connection.setLocalDescription(await connection.createOffer())
    path = f"{url}/live/sessions/{session.id}/whep?{session.view['websocket'].partition('?')[2]}"
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        answer = await http.post(path, content=connection.localDescription.sdp)
    answer.raise_for_status()
    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    moments: dict[int, int] = {}
    started: dict[int, int] = {}
    told: dict[int, float] = {}
    finished: dict[int, asyncio.Event] = {number: asyncio.Event() for number in range(1, count + 1)}
    reader = asyncio.create_task(_read(session, moments, started, told, finished))
    while not peer.pictures:
        await asyncio.sleep(0.1)
    began = {}
    for number in finished:
        began[number] = time.monotonic()
        await say(session, speech, real_time=True)
        await session.flush()
        await asyncio.wait_for(finished[number].wait(), PATIENCE)
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)
    await connection.close()
    await session.close()
    await asyncio.gather(reader, *tasks)
    # A picture may come twice.
    origins = [rtp - moments[one] * VIDEO_RATE / 1e6 for one, rtp in peer.pictures.items() if one in moments]
    video = float(np.median(origins))
    audio = _start_of(speech, peer, told[1]) - started[1] * AUDIO_RATE / 1e6
    shown = {round((rtp - video) / VIDEO_RATE * 1000): at for rtp, at in peer.arrivals["video"].items()}
    heard = np.array(sorted(((rtp - audio) / AUDIO_RATE, at) for rtp, at in peer.arrivals["audio"].items()))
    first = [
        shown[round(started[number] / 1000)] - began[number]
        for number in finished
        if round(started[number] / 1000) in shown
    ]
    apart = [
        at - float(np.interp(moment / 1000, *heard.T)) for moment, at in shown.items() if moment >= heard[0, 0] * 1000
    ]
    return {
        "first_picture": first,
        "picture_after_sound": (round(float(np.median(apart)), 4), round(float(np.percentile(apart, 95)), 4)),
        "picture_after_sound_by_reports": round(_by_reports(peer, video, audio), 4),
        "pictures": len(shown),
    }


def _listen(receiver: Any, kind: str, peer: Peer) -> None:
    """Note packets as they come, before the peer's own buffers."""
    on_rtp, on_rtcp = receiver._handle_rtp_packet, receiver._handle_rtcp_packet

    async def rtp(packet: Any, *more: Any, **named: Any) -> None:
        peer.arrivals[kind][packet.timestamp] = time.monotonic()
        await on_rtp(packet, *more, **named)

    async def rtcp(packet: Any) -> None:
        if (info := getattr(packet, "sender_info", None)) is not None:
            peer.reports[kind].append((info.rtp_timestamp, info.ntp_timestamp / 2**32))
        await on_rtcp(packet)

    receiver._handle_rtp_packet, receiver._handle_rtcp_packet = rtp, rtcp


async def _play(track: Any, peer: Peer) -> None:
    from aiortc.mediastreams import MediaStreamError

    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        # Frames count from the first packet.
        rtp = frame.pts + next(iter(peer.arrivals[track.kind]))
        if track.kind == "video":
            peer.pictures.setdefault(hash(frame.to_ndarray(format="yuv420p").tobytes()), rtp)
        else:
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels)).astype(np.float32).mean(1)
            peer.sound.append((rtp, samples.reshape(-1, 3).mean(1)))


async def _read(
    session: LiveSession,
    moments: dict[int, int],
    started: dict[int, int],
    told: dict[int, float],
    finished: dict[int, asyncio.Event],
) -> None:
    decoder: Any = av.CodecContext.create("h264", "r")
    waiting: list[int] = []
    async for item in session:
        if isinstance(item, Event):
            if item.type == "started":
                started[item.utterance] = item.fields["timestamp"]
                told[item.utterance] = time.monotonic()
            elif item.type == "finished" and item.utterance in finished:
                finished[item.utterance].set()
        elif isinstance(item, Picture):
            waiting.append(item.timestamp)
            for frame in decoder.decode(av.Packet(item.data)):
                moments.setdefault(hash(frame.to_ndarray(format="yuv420p").tobytes()), waiting.pop(0))


def _start_of(speech: bytes, peer: Peer, told: float) -> float:
    """The RTP timestamp at which the speech begins in the sound, within two seconds of when that was told."""
    first = peer.sound[0][0]
    heard = np.zeros((peer.sound[-1][0] - first) // 3 + 1000, np.float32)
    for rtp, samples in peer.sound:
        place = (rtp - first) // 3
        heard[place : place + len(samples)] = samples
    sent = np.frombuffer(speech, "<i2").astype(np.float32)
    size = 2 ** int(np.ceil(np.log2(len(heard) + len(sent))))
    found = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size)), size)[: len(heard)]
    near = min(peer.arrivals["audio"].items(), key=lambda one: abs(one[1] - told))[0]
    start = max((near - first) // 3 - 2 * 16_000, 0)
    return first + 3.0 * (start + int(np.argmax(found[start : start + 4 * 16_000])))


def _by_reports(peer: Peer, video: float, audio: float) -> float:
    """Seconds by which a player that follows the sender's reports, as browsers do, shows pictures after their sound."""
    at = {}
    for kind, origin, rate in (("video", video, VIDEO_RATE), ("audio", audio, AUDIO_RATE)):
        rtp, ntp = peer.reports[kind][-1]
        at[kind] = ntp - (rtp - origin) / rate
    return at["video"] - at["audio"]
