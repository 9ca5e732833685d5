"""One job from files to file: read -> detect -> align -> sync -> blend -> write.

Reading, drawing and encoding each run in a thread of their own, joined by short queues: no stage waits for another that
could work, and memory does not grow with the length of the speech.

`run` does all of it. A job of the service goes through the same functions step by step (`jobs.worker`), so that it
can be drawn in segments and taken up again by another process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, islice
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from av.codec.hwaccel import HWAccel

from digital_human.core.batching import MIN_BATCH, batch_sizes, batched
from digital_human.core.concurrency import ordered_map, prefetch
from digital_human.core.frame import Float32, Frame
from digital_human.core.looping import Loop, loop_frames
from digital_human.core.types import Arrays, Models
from digital_human.engines.base import Engine, Plan, slice_plan
from digital_human.media import EncoderSettings, audio_duration, read_speech, write_video
from digital_human.pipeline.overlay import DIGITAL_HUMAN_MARK, Overlay, apply_overlays, load_overlay
from digital_human.pipeline.templates import Held, Prepared, TemplateStore, prepare

Stage = Literal["prepare", "plan", "render"]
Progress = Callable[[Stage, float], None]
"""Told the stage and the share of it that is done, 0-1, in the thread that runs the job; may raise to end it."""

_BATCH_BYTES = 12 * 2**20
"""Large pictures go in smaller batches, of about this many bytes: about six batches are held at a time."""
_DRAWERS = 2
"""Batches being drawn at a time: while one is in the networks, the next is cut out and the last is laid back."""
_MARK_HEIGHT = 0.06
"""Of the frame's shorter side; China's labelling rules (GB 45438-2025) ask for text of at least 5 %."""


@dataclass(frozen=True)
class Job:
    """audio, video and save are checked, absolute paths.

    mouth_strength: how far the mouth opens, see `Engine.plan`
    loop:           how a speech goes on that is longer than the template
    """

    audio: Path
    video: Path
    save: Path
    watermark: bool = False
    digital_auth: bool = False
    mouth_strength: float = 1.0
    loop: Loop = "ping-pong"


@dataclass(frozen=True)
class Workshop:
    """What jobs share. held: for jobs that follow each other, never side by side"""

    models: Models
    store: TemplateStore
    encoder: EncoderSettings
    watermark_image: Path
    batch_size: int
    max_audio_seconds: float
    max_template_seconds: float
    max_template_pixels: int
    hwaccel: HWAccel | None = None
    held: Held | None = None


@dataclass
class Result:
    """seconds: wall time of each stage; aperture: float32 [frames], the mouth opening drawn."""

    frames: int
    fps: Fraction
    template_cached: bool
    seconds: dict[Stage, float] = field(default_factory=dict)
    aperture: Float32 | None = None

    @property
    def real_time_factor(self) -> float:
        """Seconds of video made in one second."""
        return float(self.frames / self.fps) / max(sum(self.seconds.values()), 1e-9)


@dataclass(frozen=True)
class Planned:
    """A job of which nothing is left but to draw it.

    plan:  what the engine made of the speech
    order: int64 [N], the template frame shown under each output frame
    """

    prepared: Prepared
    plan: Plan
    order: npt.NDArray[np.int64]
    overlays: list[Overlay]

    @property
    def length(self) -> int:
        """Frames of the output."""
        return len(self.order)


def run(
    job: Job,
    engine: Engine,
    workshop: Workshop,
    progress: Progress = lambda stage, share: None,
    metadata: Mapping[str, str] | None = None,
) -> Result:
    """Make the video at `job.save`, all in one go.

    Raises a `digital_human.errors.ServiceError`; nothing is left at `job.save` then that was not there before.
    """
    clock = time.perf_counter()
    speech = hear(job, workshop)
    prepared = study(job.video, engine, workshop, lambda share: progress("prepare", share))
    seconds: dict[Stage, float] = {"prepare": -clock + (clock := time.perf_counter())}

    progress("plan", 0.0)
    planned = with_plan(job, prepared, plan(job, prepared, speech, engine, workshop), workshop)
    seconds["plan"] = -clock + (clock := time.perf_counter())

    drawn = draw(planned, engine, workshop, 0, planned.length)
    counted = told(drawn, planned.length, lambda share: progress("render", share))
    info = prepared.info
    try:
        write_video(job.save, counted, info, job.audio, planned.length, workshop.encoder, metadata)
    finally:
        drawn.close()
    seconds["render"] = time.perf_counter() - clock
    progress("render", 1.0)
    return Result(planned.length, info.fps, prepared.cached, seconds, planned.plan.aperture)


def hear(job: Job, workshop: Workshop) -> Float32:
    """The speech, 16 kHz mono. Raises BadInputError."""
    return read_speech(job.audio, max_seconds=workshop.max_audio_seconds)


def study(video: Path, engine: Engine, workshop: Workshop, report: Callable[[float], None]) -> Prepared:
    """The template with its track and the engine's analysis, made now or found in the store."""
    return prepare(
        video,
        engine,
        workshop.models,
        workshop.store,
        workshop.max_template_seconds,
        report,
        workshop.max_template_pixels,
        workshop.hwaccel,
        workshop.held,
    )


def frame_count(speech: Float32, prepared: Prepared) -> int:
    """Frames of the output, at least one."""
    return max(round(audio_duration(speech) * prepared.info.fps), 1)


def plan(job: Job, prepared: Prepared, speech: Float32, engine: Engine, workshop: Workshop) -> Arrays:
    """The engine's plan as arrays to store, and `template_frame`, the frame shown under each output frame."""
    order = loop_frames(prepared.template.frame_count, frame_count(speech, prepared), job.loop)
    planned = engine.plan(prepared.template, prepared.analysis, speech, order, workshop.models, job.mouth_strength)
    return {**planned.to_arrays(), "template_frame": order}


def with_plan(job: Job, prepared: Prepared, planned: Arrays, workshop: Workshop) -> Planned:
    """The job with what `plan` returned, now or in an earlier process."""
    arrays = dict(planned)
    order = np.asarray(arrays.pop("template_frame"), np.int64)
    return Planned(prepared, Plan.from_arrays(arrays), order, _overlays(job, workshop, prepared))


def draw(planned: Planned, engine: Engine, workshop: Workshop, start: int, stop: int) -> Generator[Frame, None, None]:
    """Output frames start .. stop-1, finished; a few are drawn ahead by threads, until it ends or is closed."""
    drawn = prefetch(_batches(planned, engine, workshop, start, stop), 1, "drawn")
    try:
        for frame in (frame for batch in drawn for frame in batch):
            yield apply_overlays(frame, planned.overlays)
    finally:
        drawn.close()


def told(frames: Iterable[Frame], count: int, report: Callable[[float], None]) -> Iterator[Frame]:
    """The first `count` of the frames. Before each, `report` is told the share of them that came before it."""
    for index, frame in enumerate(islice(frames, count)):
        report(index / count)
        yield frame


def _batches(
    planned: Planned, engine: Engine, workshop: Workshop, start: int, stop: int
) -> Generator[list[Frame], None, None]:
    """Batches of drawn frames; those in which the face is missing pass through."""
    prepared, order = planned.prepared, planned.order
    template = prepared.template

    def drawn(numbered: tuple[int, list[Frame]]) -> list[Frame]:
        first, batch = numbered
        present = np.flatnonzero(template.track.present[order[first : first + len(batch)]])
        if len(present):
            faces = [batch[k] for k in present]
            finished = engine.render(
                template, prepared.analysis, slice_plan(planned.plan, first + present), faces, workshop.models
            )
            for k, frame in zip(present, finished, strict=True):
                batch[k] = frame
        return batch

    frames = prepared.reader.play(order[start:stop])
    draws = np.ones(planned.length, np.int64) if planned.plan.draws is None else planned.plan.draws
    draws = draws[start:stop] * template.track.present[order[start:stop]]
    largest = min(workshop.batch_size, max(_BATCH_BYTES // prepared.info.frame_bytes, MIN_BATCH))
    sizes = batch_sizes(draws, largest)
    read = prefetch(batched(frames, sizes), 1, "read")
    try:
        yield from ordered_map(zip(accumulate(sizes, initial=start), read, strict=False), drawn, _DRAWERS, "draw")
    finally:
        read.close()


def _overlays(job: Job, workshop: Workshop, prepared: Prepared) -> list[Overlay]:
    overlays = []
    if job.watermark:
        overlays.append(load_overlay(workshop.watermark_image, "bottom right", prepared.info))
    if job.digital_auth:
        overlays.append(load_overlay(DIGITAL_HUMAN_MARK, "top right", prepared.info, _MARK_HEIGHT))
    return overlays
