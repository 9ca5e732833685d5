"""The generator with LiveKit's own classes, against a service at DIGITAL_HUMAN_URL, whose BASE_PATH has the samples."""

from __future__ import annotations

import asyncio
import os

import pytest

pytest.importorskip("livekit.agents")

from digital_human_livekit import DigitalHuman, open_live
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, QueueAudioOutput

URL = os.environ.get("DIGITAL_HUMAN_URL", "")
pytestmark = pytest.mark.skipif(not URL, reason="DIGITAL_HUMAN_URL names no service")
RATE = 24_000


def frame(samples: int) -> rtc.AudioFrame:
    return rtc.AudioFrame(bytes(range(256)) * (samples // 128), RATE, 1, samples // 128 * 128)


def test_speech_through_livekits_own_receiver_comes_back_with_pictures() -> None:
    async def scene() -> tuple[int, int, int]:
        pictures = samples = 0
        async with open_live(URL, video="i420", video_path="template.mkv", sample_rate=RATE) as session:
            generator, output = DigitalHuman(session), QueueAudioOutput(sample_rate=RATE)
            assert generator.options.video_width == session.width

            async def forward() -> None:
                async for piece in output:
                    await generator.push_audio(piece)

            forwarding = asyncio.create_task(forward())
            await output.capture_frame(frame(RATE // 2))
            output.flush()
            async for item in generator:
                if isinstance(item, AudioSegmentEnd):
                    break
                if isinstance(item, rtc.VideoFrame):
                    pictures += 1
                else:
                    samples += item.samples_per_channel
            await generator.push_audio(frame(RATE))
            await generator.clear_buffer()
            forwarding.cancel()
            with pytest.raises(ValueError, match="24000"):
                await generator.push_audio(rtc.AudioFrame(bytes(320), 16_000, 1, 160))
        return pictures, samples, len(frame(RATE // 2).data)

    pictures, samples, sent = asyncio.run(asyncio.wait_for(scene(), 240))
    assert pictures > 0 and samples >= sent
