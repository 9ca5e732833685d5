"""A face for Pipecat bots: a service between the voice and the transport.

    face = DigitalHumanVideoService("http://127.0.0.1:8308", video_path="template.mp4", sample_rate=24_000)
    Pipeline([transport.input(), stt, llm, tts, face, transport.output()])

The voice's sound goes to the digital-human service and comes back with its pictures. An interruption stops both.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
from digital_human_client.live import Event, LiveSession, Picture, Sound, open_live
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

__all__ = ["DigitalHumanVideoService", "to_rgb"]


class DigitalHumanVideoService(FrameProcessor):
    """url, api_key: of the service; options: the fields of `POST /live/sessions`, `sample_rate` as the voice has it"""

    def __init__(self, url: str, api_key: str | None = None, **options: Any) -> None:
        super().__init__()
        self._url, self._key, self._options = url, api_key, options
        self._open = AsyncExitStack()
        self._session: LiveSession | None = None
        self._reader: asyncio.Task[None] | None = None
        self._stopped: deque[TTSStoppedFrame] = deque()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self._begin()
        elif isinstance(frame, EndFrame | CancelFrame):
            await self._end()
        elif isinstance(frame, InterruptionFrame) and self._session is not None:
            self._stopped.clear()
            await self._session.interrupt()
        elif isinstance(frame, TTSStoppedFrame) and self._session is not None:
            # It goes on behind the last sound of the utterance.
            self._stopped.append(frame)
            await self._session.flush()
            return
        elif isinstance(frame, TTSAudioRawFrame) and self._session is not None:
            if (frame.sample_rate, frame.num_channels) != (self._session.sample_rate, 1):
                raise ValueError(f"the session takes {self._session.sample_rate} Hz mono, not {frame.sample_rate} Hz")
            # The sound goes on when it comes back, with its pictures.
            await self._session.push(frame.audio)
            return
        await self.push_frame(frame, direction)

    async def _begin(self) -> None:
        self._session = await self._open.enter_async_context(
            open_live(self._url, self._key, video="i420", **self._options)
        )
        self._reader = asyncio.create_task(self._read(self._session))

    async def _end(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        self._session = None
        await self._open.aclose()

    async def _read(self, session: LiveSession) -> None:
        size = session.width, session.height
        async for item in session:
            if isinstance(item, Picture):
                image = OutputImageRawFrame(image=to_rgb(item.data, *size), size=size, format="RGB")
                image.sync_with_audio = True
                await self.push_frame(image)
            elif isinstance(item, Event):
                if item.type == "finished" and not item.fields["interrupted"] and self._stopped:
                    await self.push_frame(self._stopped.popleft())
            elif isinstance(item, Sound) and item.utterance:
                await self.push_frame(TTSAudioRawFrame(audio=item.pcm, sample_rate=session.sample_rate, num_channels=1))


def to_rgb(picture: bytes, width: int, height: int) -> bytes:
    """I420 of limited range, BT.601, as RGB of 8 bits."""
    planes = np.frombuffer(picture, np.uint8)
    luma = planes[: width * height].reshape(height, width).astype(np.float32) - 16
    chroma = planes[width * height :].reshape(2, height // 2, width // 2).astype(np.float32) - 128
    blue, red = (plane.repeat(2, 0).repeat(2, 1) for plane in chroma)
    luma *= 1.164
    rgb = np.stack([luma + 1.596 * red, luma - 0.392 * blue - 0.813 * red, luma + 2.017 * blue], 2)
    return bytes(np.clip(rgb, 0, 255).astype(np.uint8).tobytes())
