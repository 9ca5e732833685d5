"""What a worker process does with the commands it is given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from digital_human.core.frame import Frame
from digital_human.jobs.worker import main as module
from digital_human.jobs.worker.main import Bench, Report
from digital_human.media import VideoReader
from digital_human.pipeline.templates import Held
from digital_human.runtime.context import build_workshop
from digital_human.service import make_folders
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer

SEGMENTS = [(0, 20), (20, 36), (36, 50)]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """First frame of every drawing that was begun, and the one after its last."""
    begun = []

    def counted(planned: Any, engine: Any, workshop: Any, start: int, stop: int) -> Any:
        begun.append((start, stop))
        return draw(planned, engine, workshop, start, stop)

    draw = module.draw
    monkeypatch.setattr(module, "draw", counted)
    return begun


@pytest.fixture
def bench(own_media: Path, triton: TritonServer) -> Callable[..., Bench]:
    settings = Settings(base_path=own_media)
    make_folders(settings)
    workshop = replace(build_workshop(settings, triton.url), held=Held())
    options = {"watermark": False, "digital_auth": False, "mouth_strength": 1.0, "loop": "ping-pong"}
    files = {"audio": own_media / "speech.wav", "video": own_media / "template.mkv", "save": own_media / "a.mp4"}
    command = {name: str(path) for name, path in files.items()} | options | {"engine": "default"}
    return lambda task, **other: Bench(command | {"task": task} | other, settings, workshop)


def test_behind_a_segment_drawing_goes_on_to_where_the_next_ones_lead(
    bench: Callable[..., Bench], drawn: list[tuple[int, int]]
) -> None:
    report, contents = Report(StringIO()), []
    for task, until in (("at-once", 50), ("one-by-one", None)):
        drawn.clear()
        own = bench(task)
        assert own.prepare(report)["frames"] == 50
        for index, (start, stop) in enumerate(SEGMENTS):
            own.segment(index, start, stop, until or stop, False, report)
        contents.append([own.segment_path(index).read_bytes() for index in range(3)])
        assert drawn == ([(0, 50)] if until else SEGMENTS)
        own.close()
    assert contents[0] == contents[1]


def test_what_was_drawn_ahead_is_not_taken_for_another_segment(
    bench: Callable[..., Bench], drawn: list[tuple[int, int]]
) -> None:
    report, own = Report(StringIO()), bench("jumps")
    own.prepare(report)
    own.segment(0, 0, 20, 50, False, report)
    expected = own.segment_path(0).read_bytes()
    own.segment(2, 36, 50, 50, False, report)
    own.segment(0, 0, 20, 20, False, report)
    assert own.segment_path(0).read_bytes() == expected
    assert drawn == [(0, 50), (36, 50), (0, 20)]
    own.close()


def test_the_next_job_with_the_same_template_decodes_nothing(
    bench: Callable[..., Bench], own_media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, decoded, contents = VideoReader._decoded, [], []

    def counted(reader: VideoReader, start: int) -> Iterator[Frame]:
        for frame in decode(reader, start):
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(VideoReader, "_decoded", counted)
    shutil.copy(own_media / "template.mkv", own_media / "same.mkv")
    with (own_media / "template.mkv").open("ab") as file:
        file.write(b"\0")  # other content, the same pictures
    for task, video, begun in (("one", "same.mkv", 75), ("two", "same.mkv", 0), ("three", "template.mkv", 75)):
        decoded.clear()
        own = bench(task, video=str(own_media / video))
        own.prepare(Report(StringIO()))
        own.segment(0, 0, 50, 50, False, Report(StringIO()))
        own.rest()
        contents.append(own.segment_path(0).read_bytes())
        assert len(decoded) == begun
        own.close()
    assert contents[0] == contents[1] == contents[2]


def test_a_worker_loads_no_queue_and_no_database() -> None:
    script = (
        "import sys, digital_human.jobs.worker.main; assert not {'dbos', 'sqlalchemy', 'fastapi'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
