"""A `VideoGenerator` that has the digital-human service draw what the agent says, for an avatar worker of its own.

async with open_live(url, video="i420", video_path="template.mp4", sample_rate=24_000) as session:
    generator = DigitalHuman(session)
    runner = AvatarRunner(room, audio_recv=..., video_gen=generator, options=generator.options)
    await runner.start()
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from digital_human_client.live import Event, LiveSession, Picture
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, VideoGenerator


class DigitalHuman(VideoGenerator):
    """session: opened with video="i420"; the agent's speech must have its sample rate, mono"""

    def __init__(self, session: LiveSession) -> None:
        self._session = session

    @property
    def options(self) -> AvatarOptions:
        """What an `AvatarRunner` is to publish."""
        session = self._session
        return AvatarOptions(
            video_width=session.width,
            video_height=session.height,
            video_fps=session.fps,
            audio_sample_rate=session.sample_rate,
            audio_channels=1,
        )

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """The next speech, or its end. Raises ValueError for another sample rate or for stereo."""
        if isinstance(frame, AudioSegmentEnd):
            await self._session.flush()
            return
        if (frame.sample_rate, frame.num_channels) != (self._session.sample_rate, 1):
            raise ValueError(
                f"the session takes {self._session.sample_rate} Hz mono, not {frame.sample_rate} Hz "
                f"with {frame.num_channels} channels"
            )
        await self._session.push(bytes(frame.data))

    async def clear_buffer(self) -> None:
        """The agent was interrupted."""
        await self._session.interrupt()

    async def __aiter__(self) -> AsyncGenerator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd, None]:
        """Pictures all the time, sound while the person speaks, and the end of what was not interrupted."""
        session = self._session
        async for item in session:
            if isinstance(item, Picture):
                yield rtc.VideoFrame(session.width, session.height, rtc.VideoBufferType.I420, item.data)
            elif isinstance(item, Event):
                # An interruption is known to the agent, which asked for it.
                if item.type == "finished" and not item.fields["interrupted"]:
                    yield AudioSegmentEnd()
            elif item.utterance:
                yield rtc.AudioFrame(item.pcm, session.sample_rate, 1, len(item.pcm) // 2)
