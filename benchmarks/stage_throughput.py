"""Each stage of the pipeline alone, then all of them together.

python -m benchmarks.stage_throughput [--sizes 512 720p 1080p] [--video CLIP] [--engine NAME] [--seconds 10]
                            [--json FILE]

Processor seconds are those of the frontend and of Triton together. The bound is what the machine could do if nothing
ever waited: cores over the sum of the stages' processor seconds for a frame. `first` adds what is done once a template.
`beside others` is what a stage takes while every other processor is busy too. Where two processors are one core, each
makes the other slower; a share of the bound made of these costs leaves only waiting to blame.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import media_fixture
from benchmarks.measure import Cost, Row, costing, median, neighbours, save, show, tree
from digital_human.core.looping import loop_frames
from digital_human.core.types import Arrays, Models, Template
from digital_human.engines import Engine, load_engines, slice_plan
from digital_human.media import SPEECH_RATE, EncoderSettings, VideoReader, encode_audio, read_speech, write_segment
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.pipeline import RenderJob, generate_video
from digital_human.pipeline.template_store import TemplateStore
from digital_human.settings import Settings
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer

ONCE = ("track", "analyse")
"""Stages of a template's first job only."""
ALONE, BESIDE = "cpu ms/frame", "beside others"


class Recorder:
    """Networks that remember every request and answer; `replay` gives the answers again without asking anybody."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.calls: list[tuple[str, Arrays, Sequence[str]]] = []
        self.answers: list[dict[str, Any]] = []

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, Any]:
        answer = self.models.infer(model, inputs, outputs)
        self.calls.append((model, inputs, outputs))
        self.answers.append(answer)
        return answer

    def ask_again(self) -> None:
        for model, inputs, outputs in self.calls:
            self.models.infer(model, inputs, outputs)

    def replay(self) -> Models:
        return _Replay(iter(self.answers))


class _Replay:
    def __init__(self, answers: Iterator[dict[str, Any]]) -> None:
        self.answers = answers

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, Any]:
        return next(self.answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    media_fixture.add_arguments(parser)
    parser.add_argument("--engine", default="default", choices=list(load_engines()))
    parser.add_argument("--seconds", type=float, default=10.0, help="of speech")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as name, TritonServer() as server:
        folder = Path(name)
        speech = media_fixture.speech(arguments.audio, arguments.seconds, folder)
        server.ready()
        models = TritonModels(server.url)
        for size in arguments.sizes:
            template = media_fixture.template(media_fixture.clip_of(arguments, size), size, folder)
            rows = measure(load_engines()[arguments.engine], template, speech, models, folder, arguments.rounds)
            show(f"{size}, engine {arguments.engine}", rows)
            results[size] = rows
    save(arguments.json, results)


def measure(engine: Engine, video: Path, speech: Path, models: Models, folder: Path, rounds: int) -> list[Row]:
    """One row a stage: frames a second by the clock, and milliseconds of processor time a frame."""
    settings = Settings()
    encoder, size = EncoderSettings(settings.encoder_preset, settings.encoder_crf), settings.batch_size
    reader = VideoReader(video)
    info, pictures = reader.info, list(reader.frames())
    track = track_face(pictures, models)
    template = Template(info.width, info.height, info.fps, len(pictures), track, lambda: iter(pictures))
    analysis = engine.analyse(template, models)
    audio = read_speech(speech)
    count = round(len(audio) / SPEECH_RATE * info.fps)
    frame_indices = loop_frames(len(pictures), count)
    plan = engine.plan(template, analysis, audio, frame_indices, models)
    # Batches without a face are left out, as the pipeline does.
    parts = [k for k in np.split(np.arange(count), range(size, count, size)) if track.present[frame_indices[k]].all()]

    def render(through: Models) -> None:
        for k in parts:
            engine.render(template, analysis, slice_plan(plan, k), [pictures[i] for i in frame_indices[k]], through)

    recorder = Recorder(models)
    render(recorder)
    drawn = sum(map(len, parts))
    work: dict[str, tuple[int, Callable[[], object]]] = {
        "decode": (len(pictures), lambda: sum(1 for _ in VideoReader(video).frames())),
        "track": (len(pictures), lambda: track_face(pictures, models)),
        "analyse": (len(pictures), lambda: engine.analyse(template, models)),
        "plan": (count, lambda: engine.plan(template, analysis, audio, frame_indices, models)),
        "networks of render, over Triton": (drawn, recorder.ask_again),
        "the rest of render": (drawn, lambda: render(recorder.replay())),
        "sound": (count, lambda: encode_audio(speech, count, info.fps, encoder)),
        "encode": (count, lambda: write_segment(folder / "x.mp4", (pictures[i] for i in frame_indices), info, encoder)),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in work}
    beside: dict[str, list[float]] = {name: [] for name in work}
    others = len(os.sched_getaffinity(0)) - 1
    for _ in range(rounds):
        for name, (_, action) in work.items():
            costs[name].append(_cost(action))
        with neighbours(others) as theirs:
            for name, (_, action) in work.items():
                beside[name].append(_cost(action, theirs).cpu)
    rows: list[Row] = []
    for name, (frames, _) in work.items():
        wall, cpu = median([c.wall for c in costs[name]]), median([c.cpu for c in costs[name]])
        row = {"stage": name, "frames/s": frames / wall, ALONE: 1000 * cpu / frames}
        rows.append({**row, BESIDE: 1000 * median(beside[name]) / frames})
    stages = list(rows)
    # What fits into memory is decoded once; else once to follow the face, and as it is played. That it may be decoded
    # once more for the analysis, where its crops do not fit either, is no part of the bound.
    fits = len(pictures) <= reader.capacity
    decoded = {True: len(pictures) if fits else count + len(pictures), False: len(pictures) if fits else count}
    for name, fresh in (("pipeline, first", True), ("pipeline, cached", False)):
        times = {stage: frames for stage, (frames, _) in work.items() if fresh or stage not in ONCE}
        times |= {stage: count for stage in times if stage not in ONCE} | {"decode": decoded[fresh]}
        bounds = [sum(row[key] * times.get(row["stage"], 0) for row in stages) / count for key in (ALONE, BESIDE)]
        ratios = []
        for number in range(rounds):
            store = TemplateStore(folder / f"store-{video.stem}-{number if fresh else 0}-{os.getpid()}", 2**32)
            if fresh and store.folder.exists():
                raise RuntimeError("the store is not empty")
            context = PipelineContext(models, store, encoder, Path(), size, 3600, 3600, 2**26)
            ratios.append(_cost(partial(generate_video, RenderJob(speech, video, folder / "y.mp4"), engine, context)))
        rows.append(_whole(name, ratios, count, *bounds))
    return rows


def _whole(name: str, costs: Sequence[Cost], count: int, alone: float, beside: float) -> Row:
    cores = len(os.sched_getaffinity(0))
    wall, cpu = median([c.wall for c in costs]), median([c.cpu for c in costs])
    speed = count / wall
    return {
        "stage": name,
        "frames/s": speed,
        ALONE: 1000 * cpu / count,
        "x real time": speed / float(media_fixture.FPS),
        "bound frames/s": cores * 1000 / alone,
        "of the bound": speed * alone / (cores * 1000),
        "of that beside others": speed * beside / (cores * 1000),
        "cores busy": cpu / wall,
    }


def _cost(action: Callable[[], object], without: Sequence[int] = ()) -> Cost:
    with costing(lambda: tree(os.getpid(), without)) as cost:
        action()
    return cost


if __name__ == "__main__":
    main()
