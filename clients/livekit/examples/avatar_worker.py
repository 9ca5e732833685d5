"""An avatar worker: joins a room as the face of an agent, whose speech comes over LiveKit's data stream.

    python avatar_worker.py wss://livekit.example TOKEN http://127.0.0.1:8308 template.mp4

The agent side uses `DataStreamAudioOutput(room, destination_identity=...)` as its audio output.
"""

from __future__ import annotations

import asyncio
import sys

from digital_human_livekit import DigitalHuman, open_live
from livekit import rtc
from livekit.agents.voice.avatar import AvatarRunner, DataStreamAudioReceiver


async def main(url: str, token: str, service: str, template: str) -> None:
    room = rtc.Room()
    await room.connect(url, token)
    async with open_live(service, video="i420", video_path=template, sample_rate=24_000) as session:
        generator = DigitalHuman(session)
        runner = AvatarRunner(
            room, audio_recv=DataStreamAudioReceiver(room), video_gen=generator, options=generator.options
        )
        await runner.start()
        await runner.wait_for_complete()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
