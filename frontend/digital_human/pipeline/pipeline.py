"""One video, from files to file: prepare the template, plan the speech, render.

Reading, rendering and encoding each run in their own thread, joined by short queues: no stage waits for another
that could work, and memory does not grow with the length of the speech.

`generate_video` does all of it. A job of the service calls the same functions one by one (`jobs.worker.session`), so
that it can be rendered in segments and resumed by another process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from digital_human.core.frame import Float32, Float64
from digital_human.core.notices import Notice
from digital_human.core.states import OnProgress, Stage
from digital_human.engines.base import Engine
from digital_human.files.atomic import atomic_write
from digital_human.inspection import findings
from digital_human.inspection.findings import Finding
from digital_human.media import SPEECH_RATE, read_speech, write_video
from digital_human.media.audio_edit import AudioEdit
from digital_human.pipeline.backdrop import require_picture
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.options import RenderOptions
from digital_human.pipeline.plan import bind_plan, plan_frames
from digital_human.pipeline.render import inspector_of, render_frames, with_progress
from digital_human.pipeline.subtitles import subtitle_file
from digital_human.pipeline.templates import prepare_template
from digital_human.subtitles.kinds import FILES, subtitle_path


@dataclass(frozen=True)
class RenderJob:
    """Files and options of one video. The paths are absolute and checked.

    words: when the words of the subtitles are said in `audio`, see `plan_frames`
    """

    audio: Path
    video: Path
    save: Path
    options: RenderOptions = field(default_factory=RenderOptions)
    words: Float64 | None = None


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


def generate_video(
    job: RenderJob,
    engine: Engine,
    context: PipelineContext,
    progress: OnProgress = lambda stage, share: None,
    metadata: Mapping[str, str] | None = None,
) -> Result:
    """Make the video at `job.save` in one go.

    Raises a `digital_human.errors.ServiceError`. Then `job.save` is as it was before.
    """
    clock = time.perf_counter()
    speech = decode_speech(job, context)
    require_picture(job.options.background, context.max_template_pixels)
    prepared = prepare_template(job.video, engine, context, lambda share: progress("prepare", share), job.options)
    seconds: dict[Stage, float] = {"prepare": -clock + (clock := time.perf_counter())}

    progress("plan", 0.0)
    planned = plan_frames(prepared, speech, engine, context, job.options, job.words)
    plan = bind_plan(planned, prepared, context, job.options, job.save.suffix)
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
