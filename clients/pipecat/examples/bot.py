"""A face in a pipeline that says one sentence: put your own transport and voice in their places.

    python bot.py http://127.0.0.1:8308 template.mp4 speech.wav

It feeds a recording in place of a voice, and counts what comes out in place of a transport.
"""

from __future__ import annotations

import asyncio
import sys
import wave

from digital_human_pipecat import DigitalHumanVideoService
from pipecat.frames.frames import EndFrame, Frame, OutputImageRawFrame, TTSAudioRawFrame, TTSStoppedFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor


class Screen(FrameProcessor):
    """Counts pictures and bytes of sound."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures = self.sound = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, OutputImageRawFrame):
            self.pictures += 1
        elif isinstance(frame, TTSAudioRawFrame):
            self.sound += len(frame.audio)
        await self.push_frame(frame, direction)


async def main(url: str, template: str, speech: str) -> None:
    with wave.open(speech) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    screen = Screen()
    face = DigitalHumanVideoService(url, video_path=template, sample_rate=rate)
    task = PipelineTask(Pipeline([face, screen]))

    async def speak() -> None:
        await task.queue_frame(TTSAudioRawFrame(audio=pcm, sample_rate=rate, num_channels=1))
        await task.queue_frame(TTSStoppedFrame())
        while screen.sound < len(pcm):
            await asyncio.sleep(0.1)
        await task.queue_frame(EndFrame())

    speaking = asyncio.create_task(speak())
    await PipelineRunner().run(task)
    await speaking
    print(f"{screen.pictures} pictures, {screen.sound / 2 / rate:.2f} s of sound")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
