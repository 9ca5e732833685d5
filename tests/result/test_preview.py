"""A preview is the beginning of the whole, and says that it is a preview."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest

from digital_human.client import Client
from digital_human.engines.base import Plan
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.pipeline.options import RenderOptions
from digital_human.pipeline.pipeline import RenderJob, decode_speech
from digital_human.pipeline.plan import plan_frames
from digital_human.pipeline.templates import prepare_template
from digital_human.runtime.context import build_context
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live
from tests.result.made import frames_of, make, refused


def test_a_preview_is_the_marked_beginning(plain: Live) -> None:
    whole, task = make(plain, "whole.mp4")
    path, preview = make(plain, "preview.mp4", preview=0.6)
    assert (task["result"].get("preview"), preview["result"]["preview"]) == (None, 0.6)
    assert preview["result"]["frames"] == 15
    with av.open(str(path)) as container:
        assert container.metadata["comment"] == "preview of the first 0.6 s"
        stream = container.streams.audio[0]
        assert stream.duration is not None and stream.time_base is not None
        assert abs(float(stream.duration * stream.time_base) - 0.6) < 0.1
    for frame, same in zip(frames_of(path), frames_of(whole), strict=False):
        luma, other = frame.planes[0].astype(int), same.planes[0].astype(int)
        assert np.abs(luma - other)[:50, :150].mean() > 5, "the mark is missing"
        assert np.abs(luma - other)[60:].mean() < 1


def test_a_preview_shows_the_lips_of_the_whole(triton: TritonServer, samples: Any, voice: Any, tmp_path: Any) -> None:
    """To the last digit: what is approved in a preview is what will be made."""
    engine, context = DefaultEngine(), build_context(Settings(base_path=tmp_path), triton.url)
    video = samples / "template.mkv"
    plans = []
    for options in (RenderOptions(), RenderOptions(preview=0.8)):
        prepared = prepare_template(video, engine, context, lambda share: None, options)
        speech = decode_speech(RenderJob(voice, video, tmp_path / "out.mp4", options), context)
        plans.append(Plan.from_arrays(plan_frames(prepared, speech, engine, context, options)))
    whole, part = (plan.arrays for plan in plans)
    assert whole.keys() == part.keys()
    assert all(np.array_equal(whole[name][:20], part[name]) for name in whole)


def test_the_client_asks_for_a_preview(address: str, samples: Any, voice: Any, tmp_path: Any) -> None:
    with Client(address) as client:
        task = client.generate(samples / "template.mkv", voice, tmp_path / "out.mp4", preview=0.4)
    assert task.view["result"]["preview"] == 0.4 and task.view["result"]["frames"] == 10


@pytest.mark.parametrize("preview", [0, -1, 61])
def test_a_preview_of_nothing_is_refused(plain: Live, preview: float) -> None:
    assert refused(plain, preview=preview)[:2] == (400, "preview_out_of_range")
