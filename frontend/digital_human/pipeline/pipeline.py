"""One video, from files to file: read -> detect -> align -> sync -> blend -> write.

Reading, rendering and encoding each run in a thread of their own, joined by short queues: no stage waits for another
that could work, and memory does not grow with the length of the speech.

`generate_video` does all of it. A job of the service calls the same functions one by one (`jobs.worker.session`), so
that it can be rendered in segments and resumed by another process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digital_human.core.batching import MIN_BATCH, batch_sizes, batched
from digital_human.core.concurrency import ordered_map, prefetch
from digital_human.core.frame import Float32, Frame
from digital_human.core.landmarks import Indices
from digital_human.core.looping import loop_frames
from digital_human.core.notices import Notice
from digital_human.core.states import Stage
from digital_human.core.types import Arrays
from digital_human.engines.base import CanRedraw, Engine, Plan, slice_plan
from digital_human.files.atomic import atomic_write
from digital_human.inspection import findings
from digital_human.inspection.findings import Finding
from digital_human.inspection.inspector import Inspector, looked_at
from digital_human.media import SPEECH_RATE, VideoInfo, audio_duration, read_speech, write_video
from digital_human.media.audio_edit import AudioEdit
from digital_human.pipeline.background import Background, find_background, lay_behind
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.drawing import Drawing
from digital_human.pipeline.notices import notices_of
from digital_human.pipeline.options import RenderOptions
from digital_human.pipeline.output import Fit, output_info, resized, shown_frames
from digital_human.pipeline.overlay import DIGITAL_HUMAN_MARK, PREVIEW_MARK, Overlay, apply_overlays, load_overlay
from digital_human.pipeline.subtitles import (
    CUES,
    find_cues,
    from_array,
    overlays_at,
    subtitle_file,
    to_array,
)
from digital_human.pipeline.templates import PreparedTemplate, prepare_template
from digital_human.subtitles.alignment import Cue
from digital_human.subtitles.kinds import FILES, subtitle_path

Progress = Callable[[Stage, float], None]
"""Called with the stage and the share of it that is done, 0-1, in the thread of the job. May raise to end the job."""

_BATCH_BYTES = 12 * 2**20
"""Large frames go in smaller batches, of about this many bytes. About six batches are held at a time."""
_RENDER_THREADS = 2
"""Batches rendered at a time: while one is in the networks, the next is cropped and the last is inserted."""
MARK_HEIGHT = 0.06
"""Of the frame's shorter side; China's labelling rules (GB 45438-2025) ask for text of at least 5 %."""


@dataclass(frozen=True)
class RenderJob:
    """Files and options of one video. The paths are absolute and checked."""

    audio: Path
    video: Path
    save: Path
    options: RenderOptions = field(default_factory=RenderOptions)


@dataclass
class Result:
    """What became of a job.

    seconds:  wall time of each stage
    aperture: float32 [frames], how far the mouth opens, None if not planned
    notices:  what the caller should know
    findings: of the frames that were looked at, in any order
    """

    frames: int
    fps: Fraction
    template_cached: bool
    seconds: dict[Stage, float] = field(default_factory=dict)
    aperture: Float32 | None = None
    notices: list[Notice] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def real_time_factor(self) -> float:
        """Seconds of video made in one second."""
        return float(self.frames / self.fps) / max(sum(self.seconds.values()), 1e-9)


@dataclass(frozen=True)
class RenderPlan:
    """Everything that is needed to render the frames of a job, in any order.

    engine_plan:   the plan of `Engine.plan`
    frame_indices: int64 [N], the template frame shown under each output frame
    output:        the result's picture; None if it is as the template's
    burnt:         subtitles that are laid over it
    background:    what is put in place of a green or blue screen
    """

    prepared: PreparedTemplate
    engine_plan: Plan
    frame_indices: npt.NDArray[np.int64]
    overlays: list[Overlay]
    output: VideoInfo | None = None
    fit: Fit = "letterbox"
    burnt: Sequence[Cue] = ()
    background: Background | None = None

    @property
    def info(self) -> VideoInfo:
        """The result's picture."""
        return self.output or self.prepared.info

    @property
    def length(self) -> int:
        """Frames of the output."""
        return len(self.frame_indices)

    @property
    def notices(self) -> list[Notice]:
        """What the caller should know of the video."""
        return [*notices_of(self.prepared.template, self.frame_indices), *self.engine_plan.notices]


def generate_video(
    job: RenderJob,
    engine: Engine,
    context: PipelineContext,
    progress: Progress = lambda stage, share: None,
    metadata: Mapping[str, str] | None = None,
) -> Result:
    """Make the video at `job.save` in one go.

    Raises a `digital_human.errors.ServiceError`. Then `job.save` is as it was before.
    """
    clock = time.perf_counter()
    speech = decode_speech(job, context)
    prepared = prepare_template(job.video, engine, context, lambda share: progress("prepare", share), job.options)
    seconds: dict[Stage, float] = {"prepare": -clock + (clock := time.perf_counter())}

    progress("plan", 0.0)
    planned = plan_frames(prepared, speech, engine, context, job.options)
    plan = bind_plan(planned, prepared, context, job.options)
    seconds["plan"] = -clock + (clock := time.perf_counter())

    inspector = inspector_of(plan, engine, context)
    rendered = render_frames(plan, engine, context, 0, plan.length, inspector)
    frames = with_progress(rendered, plan.length, lambda share: progress("render", share))
    try:
        edit = audio_edit(job.options)
        write_video(job.save, frames, plan.info, job.audio, plan.length, context.encoder, metadata, edit)
    finally:
        rendered.close()
    kind = job.options.subtitles
    if kind in FILES:
        with atomic_write(subtitle_path(job.save, kind)) as part:
            part.write_text(subtitle_file(planned, kind), encoding="utf-8")
    seconds["render"] = time.perf_counter() - clock
    progress("render", 1.0)
    notices = [*plan.notices, *findings.notices_of([found.to_record() for found in inspector.findings])]
    return Result(
        plan.length, plan.info.fps, prepared.cached, seconds, plan.engine_plan.aperture, notices, inspector.findings
    )


def decode_speech(job: RenderJob, context: PipelineContext) -> Float32:
    """float32 [samples], 16 kHz mono, with the silence before and after it. Raises BadInputError."""
    speech = read_speech(job.audio, max_seconds=context.max_audio_seconds)
    silence = [np.zeros(round(lead * SPEECH_RATE), np.float32) for lead in (job.options.lead_in, job.options.lead_out)]
    return np.concatenate([silence[0], speech, silence[1]])


def audio_edit(options: RenderOptions) -> AudioEdit:
    """What becomes of the audio on its way into the result."""
    return AudioEdit(options.lead_in, options.loudness)


def result_info(prepared: PreparedTemplate, context: PipelineContext, options: RenderOptions) -> VideoInfo:
    """The result's picture. Raises BadInputError where the size asked for is too large."""
    return output_info(prepared.info, options.size, options.fps, context.max_template_pixels)


def shown(prepared: PreparedTemplate, speech: Float32, output: VideoInfo, options: RenderOptions) -> Indices:
    """The planned frame that each output frame shows, int64 [N]."""
    return shown_frames(_frame_count(speech, prepared), prepared.info.fps, output.fps, options.preview)


def _frame_count(speech: Float32, prepared: PreparedTemplate) -> int:
    """Frames of the whole speech at the template's rate, at least one."""
    return max(round(audio_duration(speech) * prepared.info.fps), 1)


def plan_frames(
    prepared: PreparedTemplate, speech: Float32, engine: Engine, context: PipelineContext, options: RenderOptions
) -> Arrays:
    """The engine's plan as arrays to store, and `template_frame`, int64 [N], the frame under each output frame.

    The speech is planned as a whole and at the template's rate, so that a preview shows the frames of the whole.
    """
    indices = loop_frames(prepared.template.frame_count, _frame_count(speech, prepared), options.loop)
    plan = engine.plan(prepared.template, prepared.analysis, speech, indices, context.models, options.mouth_strength)
    used = shown(prepared, speech, result_info(prepared, context, options), options)
    if not np.array_equal(used, np.arange(len(indices))):
        plan, indices = replace(slice_plan(plan, used), notices=plan.notices), indices[used]
    arrays: dict[str, npt.NDArray[np.generic]] = {**plan.to_arrays(), "template_frame": indices}
    if options.subtitles is not None:
        output = result_info(prepared, context, options)
        cues = find_cues(options.subtitle_text or "", speech, float(len(indices) / output.fps), context.models)
        arrays[CUES] = to_array(cues)
    return arrays


def bind_plan(
    planned: Arrays, prepared: PreparedTemplate, context: PipelineContext, options: RenderOptions
) -> RenderPlan:
    """A plan ready to render, from what `plan_frames` returned in this or in an earlier process."""
    arrays = dict(planned)
    indices = np.asarray(arrays.pop("template_frame"), np.int64)
    cues = from_array(arrays.pop(CUES, "[]"))
    output = result_info(prepared, context, options)
    overlays = _overlays(output, context, options)
    burnt = cues if options.subtitles == "burn" else []
    background = None
    if options.background is not None:
        background = find_background(prepared.reader.first_frame(), options.background)
    return RenderPlan(prepared, Plan.from_arrays(arrays), indices, overlays, output, options.fit, burnt, background)


def inspector_of(plan: RenderPlan, engine: Engine, context: PipelineContext) -> Inspector:
    """What looks at the frames of this video. It holds its findings once they are drawn."""
    prepared = plan.prepared
    drawn = Drawing(prepared, engine, context.models).share[plan.frame_indices] > 0
    aperture = plan.engine_plan.aperture
    # The thresholds for lips and teeth were chosen on frames of an engine that can draw them again.
    person = prepared.person if isinstance(engine, CanRedraw) else None
    return Inspector(prepared.template, person, context.models, looked_at(context.inspect, drawn, aperture))


def render_frames(
    plan: RenderPlan,
    engine: Engine,
    context: PipelineContext,
    start: int,
    stop: int,
    inspector: Inspector | None = None,
) -> Generator[Frame, None, None]:
    """Output frames start .. stop-1. Threads render a few ahead, until the generator ends or is closed.

    inspector: of the whole video; None if nobody looks
    """
    batches = prefetch(_batches(plan, engine, context, start, stop, inspector), 1, "render")
    try:
        for number, frame in enumerate((frame for batch in batches for frame in batch), start):
            subtitles = overlays_at(plan.burnt, float((number + 0.5) / plan.info.fps), plan.info)
            yield apply_overlays(frame, [*plan.overlays, *subtitles])
    finally:
        batches.close()


def with_progress(frames: Iterable[Frame], count: int, on_progress: Callable[[float], None]) -> Iterator[Frame]:
    """The first `count` frames. Before each, `on_progress` gets the share of them that came before it."""
    for index, frame in enumerate(islice(frames, count)):
        on_progress(index / count)
        yield frame


def _batches(
    plan: RenderPlan,
    engine: Engine,
    context: PipelineContext,
    start: int,
    stop: int,
    inspector: Inspector | None,
) -> Generator[list[Frame], None, None]:
    """Batches of rendered frames."""
    prepared, indices = plan.prepared, plan.frame_indices
    drawing = Drawing(prepared, engine, context.models)

    def render(numbered: tuple[int, list[Frame]]) -> list[Frame]:
        first, batch = numbered
        frames = np.arange(first, first + len(batch))
        planned = slice_plan(plan.engine_plan, frames)
        drawn = drawing.inspected(inspector, frames, planned, indices[frames], batch)
        if plan.background is not None:
            drawn = [lay_behind(frame, plan.background) for frame in drawn]
        return [resized(frame, plan.info.width, plan.info.height, plan.fit) for frame in drawn]

    frames = prepared.reader.play(indices[start:stop])
    draws = np.ones(plan.length, np.int64) if plan.engine_plan.draws is None else plan.engine_plan.draws
    draws = draws[start:stop] * (drawing.share[indices[start:stop]] > 0)
    largest = min(context.batch_size, max(_BATCH_BYTES // prepared.info.frame_bytes, MIN_BATCH))
    sizes = batch_sizes(draws, largest)
    read = prefetch(batched(frames, sizes), 1, "read")
    try:
        yield from ordered_map(
            zip(accumulate(sizes, initial=start), read, strict=False), render, _RENDER_THREADS, "render"
        )
    finally:
        read.close()


def _overlays(info: VideoInfo, context: PipelineContext, options: RenderOptions) -> list[Overlay]:
    overlays = []
    if options.watermark:
        overlays.append(load_overlay(context.watermark_image, "bottom right", info))
    if options.digital_auth:
        overlays.append(load_overlay(DIGITAL_HUMAN_MARK, "top right", info, MARK_HEIGHT))
    if options.preview is not None:
        overlays.append(load_overlay(PREVIEW_MARK, "top left", info, MARK_HEIGHT))
    return overlays
