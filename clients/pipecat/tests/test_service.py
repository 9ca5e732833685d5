"""The service in a real Pipecat pipeline, against a service at DIGITAL_HUMAN_URL, whose BASE_PATH has the samples."""

from __future__ import annotations

import asyncio
import os

import numpy as np
import pytest

pytest.importorskip("pipecat")

from digital_human_pipecat import DigitalHumanVideoService, to_rgb
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

URL = os.environ.get("DIGITAL_HUMAN_URL", "")
RATE = 16_000


class Sink(FrameProcessor):
    def __init__(self) -> None:
        super().__init__()
        self.got: list[Frame] = []
        self.stopped = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.got.append(frame)
        if isinstance(frame, TTSStoppedFrame):
            self.stopped.set()
        await self.push_frame(frame, direction)


def test_colours_are_those_of_the_picture() -> None:
    red = bytes([81] * 16) + bytes([90] * 4) + bytes([240] * 4)
    assert np.abs(np.frombuffer(to_rgb(red, 4, 4), np.uint8).reshape(4, 4, 3) - np.array([254, 0, 0])).max() <= 2


@pytest.mark.skipif(not URL, reason="DIGITAL_HUMAN_URL names no service")
def test_speech_comes_back_with_pictures_and_its_end_behind_it() -> None:
    async def scene() -> Sink:
        sink = Sink()
        face = DigitalHumanVideoService(URL, video_path="template.mkv", sample_rate=RATE)
        task = PipelineTask(Pipeline([face, sink]))
        speech = TTSAudioRawFrame(audio=bytes(RATE), sample_rate=RATE, num_channels=1)

        async def speak() -> None:
            await task.queue_frames([speech, InterruptionFrame(), speech, TTSStoppedFrame()])
            await sink.stopped.wait()
            await task.queue_frame(EndFrame())

        speaking = asyncio.create_task(speak())
        await PipelineRunner(handle_sigint=False).run(task)
        await speaking
        return sink

    got = asyncio.run(asyncio.wait_for(scene(), 240)).got
    sound = sum(len(frame.audio) for frame in got if isinstance(frame, TTSAudioRawFrame))
    assert sound >= RATE
    assert any(isinstance(frame, OutputImageRawFrame) for frame in got)
    kinds = [type(frame) for frame in got]
    assert kinds.index(TTSStoppedFrame) > max(k for k, kind in enumerate(kinds) if kind is TTSAudioRawFrame)
