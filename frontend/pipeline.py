"""One job from files to file: read -> detect -> align -> sync -> blend -> write.

Reading, drawing and encoding each run in a thread of their own, joined by short queues: no stage waits for another that
could work, and memory does not grow with the length of the speech.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from frontend.engines.base import Arrays, Engine, Networks, cut
from frontend.errors import BadInput, Cancelled
from frontend.frames import Float32, Frame
from frontend.media import EncoderSettings, audio_duration, pingpong, read_speech, write_video
from frontend.overlay import DIGITAL_HUMAN_MARK, Overlay, lay_over, load_overlay
from frontend.stages import ahead, batched
from frontend.templates import Prepared, TemplateStore, prepare

Stage = Literal["prepare", "plan", "render"]
Progress = Callable[[Stage, float], None]
"""Told the stage and the share of it that is done, 0-1. Called from the thread that runs the job."""

_MARK_HEIGHT = 0.06
"""Of the frame's shorter side; China's labelling rules (GB 45438-2025) ask for text of at least 5 %."""


@dataclass(frozen=True)
class Job:
    """audio, video and save are checked, absolute paths."""

    audio: Path
    video: Path
    save: Path
    watermark: bool = False
    digital_auth: bool = False


@dataclass(frozen=True)
class Workshop:
    """What jobs share."""

    networks: Networks
    store: TemplateStore
    encoder: EncoderSettings
    watermark_image: Path
    batch_size: int
    max_audio_seconds: float
    max_template_seconds: float


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


def run(
    job: Job,
    engine: Engine,
    workshop: Workshop,
    progress: Progress = lambda stage, share: None,
    cancelled: threading.Event | None = None,
) -> Result:
    """Make the video at `job.save`.

    Raises a `frontend.errors.ServiceError`; whatever it is, nothing is left at `job.save` that was not there before.
    """

    def report(stage: Stage, share: float) -> None:
        if cancelled is not None and cancelled.is_set():
            raise Cancelled("the job was cancelled")
        progress(stage, share)

    clock = time.perf_counter()
    speech = read_speech(job.audio)
    if audio_duration(speech) > workshop.max_audio_seconds:
        raise BadInput(f"audio_path: the speech is longer than {workshop.max_audio_seconds:g} s")
    prepared = prepare(
        job.video,
        engine,
        workshop.networks,
        workshop.store,
        workshop.max_template_seconds,
        lambda share: report("prepare", share),
    )
    info, count = prepared.info, prepared.template.frame_count
    length = max(round(audio_duration(speech) * info.fps), 1)
    result = Result(length, info.fps, prepared.cached)
    result.seconds["prepare"] = -clock + (clock := time.perf_counter())

    report("plan", 0.0)
    order = np.fromiter(pingpong(count, length), np.int64, length)
    plan = engine.plan(prepared.template, prepared.analysis, speech, order, workshop.networks)
    if "aperture" in plan:
        result.aperture = np.asarray(plan["aperture"], np.float32)
    result.seconds["plan"] = -clock + (clock := time.perf_counter())

    overlays = _overlays(job, workshop, prepared)
    drawn = ahead(_draw(prepared, plan, order, engine, workshop), 2, "draw")

    def finished() -> Iterator[Frame]:
        for index, frame in enumerate(frame for batch in drawn for frame in batch):
            report("render", index / length)
            yield lay_over(frame, overlays)

    try:
        write_video(job.save, finished(), info, job.audio, length, workshop.encoder)
    finally:
        drawn.close()
    result.seconds["render"] = time.perf_counter() - clock
    progress("render", 1.0)
    return result


def _draw(
    prepared: Prepared, plan: Arrays, order: npt.NDArray[np.int64], engine: Engine, workshop: Workshop
) -> Iterator[list[Frame]]:
    """Batches of finished frames; those in which the face is missing pass through."""
    template = prepared.template
    frames = prepared.reader.pingpong(template.frame_count, len(order))
    start = 0
    for batch in ahead(batched(frames, workshop.batch_size), 2, "read"):
        present = np.flatnonzero(template.track.present[order[start : start + len(batch)]])
        if len(present):
            faces = [batch[k] for k in present]
            drawn = engine.render(template, prepared.analysis, cut(plan, start + present), faces, workshop.networks)
            for k, frame in zip(present, drawn, strict=True):
                batch[k] = frame
        start += len(batch)
        yield batch


def _overlays(job: Job, workshop: Workshop, prepared: Prepared) -> list[Overlay]:
    overlays = []
    if job.watermark:
        overlays.append(load_overlay(workshop.watermark_image, "bottom right", prepared.info))
    if job.digital_auth:
        overlays.append(load_overlay(DIGITAL_HUMAN_MARK, "top right", prepared.info, _MARK_HEIGHT))
    return overlays
