"""A session over RTMP: the H.264 that its process made, and its sound as AAC."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx

from digital_human.live.messages import H264, HEADER, KEY, SOUND
from digital_human.live.push.receiver import CONNECT_SECONDS, PATIENCE, OnSending, Receiver
from digital_human.live.session import LiveSession
from digital_human.live.viewers import Viewer
from digital_human.media import flv, live_aac
from digital_human.net import rtmp
from digital_human.net.amf0 import Value, encode

_PORTS = {"rtmp": 1935, "rtmps": 443}
_AVC, _AAC = 7, 10


async def send(session: LiveSession, receiver: Receiver, on_sending: OnSending) -> None:
    """Send the session until it ends.

    Raises RefusedError, TimeoutError where the receiver takes nothing, and OSError, EOFError or ValueError where the
    connection breaks; what `Receiver.address` and `LiveSession.attach` raise too.
    """
    async with AsyncExitStack() as stack:
        target = await _target(receiver)
        publisher = await asyncio.wait_for(stack.enter_async_context(rtmp.published(target)), CONNECT_SECONDS)
        viewer = session.attach("h264")
        stack.callback(session.detach, viewer)
        on_sending(viewer)
        feeding = asyncio.create_task(_feed(publisher, viewer, session))
        listening = asyncio.create_task(publisher.listen())
        try:
            await asyncio.wait((feeding, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (feeding, listening):
                task.cancel()
            await asyncio.wait((feeding, listening))
        for task in (listening, feeding):
            if not task.cancelled():
                task.result()


async def _target(receiver: Receiver) -> rtmp.Target:
    url, (app, key) = receiver.url, receiver.application
    # The same authorities as for requests.
    tls = httpx.create_ssl_context(trust_env=False) if url.scheme == "rtmps" else None
    address, port = str(await receiver.address()), url.port or _PORTS[url.scheme]
    return rtmp.Target(address, port, url.host, app, key, f"{receiver.place}/{app}", tls)


async def _feed(publisher: rtmp.Publisher, viewer: Viewer, session: LiveSession) -> None:
    sound, begin = live_aac.AacEncoder(session.options.sample_rate), -1
    while (item := await viewer.next()) is not None:
        if not isinstance(item, bytes):
            continue
        kind, flags, _, _, timestamp = HEADER.unpack_from(item)
        payload = item[HEADER.size :]
        messages: list[tuple[int, float, bytes]] = []
        if begin < 0:
            # A viewer's first item of media is a key frame.
            begin = timestamp
            messages += [(kind, 0, body) for kind, body in _headers(session, payload, sound.config)]
        at = (timestamp - begin) / 1e6
        if kind == H264:
            messages.append((rtmp.VIDEO, at, flv.video(payload, bool(flags & KEY))))
        elif kind == SOUND:
            messages += [(rtmp.AUDIO, begins, flv.audio(packet)) for begins, packet in sound.encode(payload, at)]
        for of_kind, seconds, body in messages:
            await asyncio.wait_for(publisher.send(of_kind, round(seconds * 1000), body), PATIENCE)


def _headers(session: LiveSession, key_frame: bytes, config: bytes) -> list[tuple[int, bytes]]:
    about: dict[str, Value] = {
        "width": session.size[0],
        "height": session.size[1],
        "framerate": float(session.fps),
        "videocodecid": _AVC,
        "audiocodecid": _AAC,
        "audiosamplerate": live_aac.RATE,
        "AIGC": session.options.label,
    }
    return [
        (rtmp.METADATA, encode("@setDataFrame", "onMetaData", about)),
        (rtmp.VIDEO, flv.video_header(key_frame)),
        (rtmp.AUDIO, flv.audio_header(config)),
    ]
