"""The session of a worker process: what it does with the commands it is given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from digital_human.core.frame import Frame
from digital_human.engines import load_engines
from digital_human.files.identity import Identity
from digital_human.jobs.worker import session as module
from digital_human.jobs.worker.protocol import (
    Compose,
    ComposeResult,
    Configure,
    Failed,
    Message,
    Prepare,
    PrepareResult,
    Progress,
    RenderSegment,
    SegmentResult,
    WorkerJob,
    decode,
    encode,
)
from digital_human.jobs.worker.session import JobSession
from digital_human.media import VideoReader
from digital_human.pipeline.options import RenderOptions
from digital_human.pipeline.render import render_frames
from digital_human.pipeline.template_store import DecodedTemplateCache
from digital_human.runtime.context import build_context, make_folders
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer

SEGMENTS = [(0, 20), (20, 36), (36, 50)]
JOB = WorkerJob("id", Path("/a.wav"), Path("/b.mkv"), Path("/c.mp4"), RenderOptions(loop="hold"), {"traceparent": "x"})
INPUTS: dict[str, Identity] = {"audio": [1, 2, 3, "boot:4"], "video": [5, 6]}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """First and last frame of everything that was begun to be rendered."""
    begun = []

    def counted(plan: Any, engine: Any, context: Any, start: int, stop: int, inspector: Any) -> Any:
        begun.append((start, stop))
        return render_frames(plan, engine, context, start, stop, inspector)

    monkeypatch.setattr(module, "render_frames", counted)
    return begun


@pytest.fixture
def session(own_media: Path, triton: TritonServer) -> Callable[..., JobSession]:
    settings = Settings(base_path=own_media)
    make_folders(settings)
    context = replace(build_context(settings, triton.url), decoded=DecodedTemplateCache())

    def made(task_id: str, video: str = "template.mkv") -> JobSession:
        files = own_media / "speech.wav", own_media / video, own_media / "a.mp4"
        job = WorkerJob(task_id, *files, RenderOptions(engine="default"), {})
        return JobSession(job, settings, context, load_engines(), lambda stage, share: None)

    return made


def segment(index: int, start: int, stop: int, render_until: int) -> RenderSegment:
    return RenderSegment(JOB, {}, index, start, stop, render_until, is_helper=False)


@pytest.mark.parametrize(
    "message",
    [
        Configure({"base_path": "/data", "api_keys": []}, "localhost:8000"),
        Prepare(JOB),
        RenderSegment(JOB, INPUTS, 1, 20, 36, 50, is_helper=True),
        Compose(JOB, INPUTS, [20, 16], "25", {"title": "x"}),
        Progress("render", 0.5),
        PrepareResult(INPUTS, 50, "30000/1001", 720, 576, 3, True, {"prepare": 1.5}),
        SegmentResult([{"frame": 3, "kind": "lip", "outcome": "redrawn"}]),
        ComposeResult(0.5),
        Failed("BadInputError", "audio_path: holds no sound", transient=False),
    ],
)
def test_a_message_is_the_same_at_the_other_end(message: Message) -> None:
    line = encode(message)
    assert line.endswith("\n") and line.count("\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize("line", ["", "{", '{"type": "Progress"}', '{"type": "Progress", "stage": "no", "share": 1}'])
def test_half_a_message_is_none(line: str) -> None:
    with pytest.raises(ValueError):
        decode(line)


def test_behind_a_segment_rendering_goes_on_to_where_the_next_ones_lead(
    session: Callable[..., JobSession], begun: list[tuple[int, int]]
) -> None:
    contents = []
    for task_id, until in (("at-once", 50), ("one-by-one", None)):
        begun.clear()
        job = session(task_id)
        assert job.prepare().frames == 50
        for index, (start, stop) in enumerate(SEGMENTS):
            job.render_segment(segment(index, start, stop, until or stop))
        contents.append([job.segment_path(index).read_bytes() for index in range(3)])
        assert begun == ([(0, 50)] if until else SEGMENTS)
        job.close()
    assert contents[0] == contents[1]


def test_what_was_rendered_ahead_is_not_taken_for_another_segment(
    session: Callable[..., JobSession], begun: list[tuple[int, int]]
) -> None:
    job = session("jumps")
    job.prepare()
    job.render_segment(segment(0, 0, 20, 50))
    expected = job.segment_path(0).read_bytes()
    job.render_segment(segment(2, 36, 50, 50))
    job.render_segment(segment(0, 0, 20, 20))
    assert job.segment_path(0).read_bytes() == expected
    assert begun == [(0, 50), (36, 50), (0, 20)]
    job.close()


def test_the_next_job_with_the_same_template_decodes_nothing(
    session: Callable[..., JobSession], own_media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode_frames, decoded, contents = VideoReader._decoded, [], []

    def counted(reader: VideoReader, start: int) -> Iterator[Frame]:
        for frame in decode_frames(reader, start):
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(VideoReader, "_decoded", counted)
    shutil.copy(own_media / "template.mkv", own_media / "same.mkv")
    with (own_media / "template.mkv").open("ab") as file:
        file.write(b"\0")  # other content, the same pictures
    for task_id, video, expected in (("one", "same.mkv", 75), ("two", "same.mkv", 0), ("three", "template.mkv", 75)):
        decoded.clear()
        job = session(task_id, video)
        job.prepare()
        job.render_segment(segment(0, 0, 50, 50))
        job.release_plan()
        contents.append(job.segment_path(0).read_bytes())
        assert len(decoded) == expected
        job.close()
    assert contents[0] == contents[1] == contents[2]


def test_a_worker_loads_no_queue_and_no_database() -> None:
    script = (
        "import sys, digital_human.jobs.worker.main; assert not {'dbos', 'sqlalchemy', 'fastapi'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
