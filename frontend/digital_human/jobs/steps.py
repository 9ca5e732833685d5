"""The steps of one job: fetch, prepare, segment after segment, compose, publish.

DBOS keeps the outcome of each step in the database under the step's name. A process that resumes the job passes over
the steps on record, so at most the segment that was being rendered is rendered again. Names must not change, and
outcomes must stay readable: see `records`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from dbos import DBOS
from sqlalchemy.exc import DBAPIError

from digital_human.core.notices import to_records
from digital_human.core.states import OnProgress, Stage
from digital_human.files.atomic import OWN_FOLDER, atomic_write, disk_errors, sync
from digital_human.files.downloads import fetch, is_url
from digital_human.inspection import findings
from digital_human.jobs.cancellation import JobControl, JobRegistry
from digital_human.jobs.models import JobSpec, job_folder, speech_path
from digital_human.jobs.publish import publish, sign_and_fingerprint
from digital_human.jobs.recorded import recorded_step
from digital_human.jobs.records import PROGRESS
from digital_human.jobs.segments import Segments, segment_lengths
from digital_human.jobs.worker.pool import WorkerPool
from digital_human.jobs.worker.process import Worker
from digital_human.jobs.worker.protocol import Compose, Prepare, PrepareResult, RenderSegment, Speak, WorkerJob
from digital_human.observability import metrics, tracing
from digital_human.pipeline import report
from digital_human.pipeline.options import tags
from digital_human.provenance import implicit_label
from digital_human.settings import Settings
from digital_human.speech.remote import RemoteSpeaker
from digital_human.speech.speaker import SpokenText, speak, write_wav
from digital_human.subtitles.kinds import FILES, subtitle_path

T = TypeVar("T")

_SHARES: Mapping[Stage, tuple[float, float]] = {
    "fetch": (0.0, 0.02),
    "speak": (0.02, 0.03),
    "prepare": (0.05, 0.1),
    "plan": (0.15, 0.05),
    "render": (0.2, 0.75),
    "compose": (0.95, 0.05),
}
"""The share of a job that is done when a stage begins, and the stage's own share."""
_PROGRESS_INTERVAL = 1.0


@dataclass(frozen=True)
class WorkflowContext:
    """The resources that the workflows of this process share.

    is_cancelled:   asks the database whether a task is cancelled
    require_engine: raises UnavailableError while Triton is away, and BadInputError if the engine has no weights
    require_voices: loads the voices, or raises UnavailableError or BadInputError likewise
    """

    settings: Settings
    pool: WorkerPool
    registry: JobRegistry
    is_cancelled: Callable[[str], bool]
    require_engine: Callable[[str], None]
    require_voices: Callable[[], None]


@dataclass
class RunningJob:
    """One job while this process works on it.

    rendered:     frames of each segment that are rendered
    reported:     the stage that was put on record last, and when
    moved:        the progress that was put on record last, and since when it is that
    counted:      frames that the metrics have counted
    on_progress:  called with what is put on record
    """

    context: WorkflowContext
    task_id: str
    spec: JobSpec
    control: JobControl
    on_progress: OnProgress
    rendered: list[float] = field(default_factory=list)
    reported: tuple[Stage | None, float] = (None, 0.0)
    moved: tuple[float, float] = (0.0, 0.0)
    counted: float = 0.0

    @property
    def folder(self) -> Path:
        return job_folder(self.context.settings, self.task_id)

    def worker_job(self) -> WorkerJob:
        spec = self.spec
        return WorkerJob(
            self.task_id, Path(spec.audio), Path(spec.video), Path(spec.save), spec.options, tracing.headers()
        )

    def report(self, stage: Stage, share: float) -> None:
        """Put the job's progress on record, once a second at most."""
        now = time.time()
        last, when = self.reported
        # A new stage goes on record at once: a short one would otherwise never show.
        if stage != last or now - when >= _PROGRESS_INTERVAL:
            self.reported = (stage, now)
            before, whole = _SHARES[stage]
            # A full disk shows when the step is to be recorded.
            with suppress(DBAPIError):
                progress = round(before + whole * share, 4)
                if progress != self.moved[0]:
                    self.moved = (progress, now)
                self.on_progress(stage, progress)
                event = {"stage": stage, "progress": progress, "at": now, "moved": self.moved[1]}
                DBOS.set_event(PROGRESS, event)

    def check(self) -> None:
        """Raises if the job may not go on, see `JobRegistry.check`."""
        self.context.registry.check(self.control)

    def is_wanted(self) -> bool:
        return not self.control.cancelled.is_set() and not self.context.is_cancelled(self.task_id)

    def count_frames(self) -> float:
        """Frames rendered so far. The metrics count those that are new."""
        rendered = sum(self.rendered)
        metrics.frames.inc(max(rendered - self.counted, 0))
        self.counted = max(rendered, self.counted)
        return rendered

    def step(self, name: str, work: Callable[[], T]) -> T:
        """Do one recorded step, see `recorded_step`."""
        return recorded_step(name, work, self.context.registry, self.control, self.context.settings)


def make_video(job: RunningJob, worker: Worker, started: float) -> dict[str, Any]:
    """All steps of a job. Returns its result, plain enough for JSON.

    started: seconds since 1970
    """
    settings = job.context.settings
    if is_url(job.spec.audio):
        job.spec = replace(job.spec, audio=job.step("fetch audio", partial(_fetch, job, job.spec.audio, "audio_path")))
    spoken: dict[str, Any] | None = None
    if job.spec.spoken is not None:
        spoken = job.step("speak", partial(_speak, job, job.spec.spoken, worker))
        job.spec = replace(job.spec, audio=spoken["path"])
    if is_url(job.spec.video):
        job.spec = replace(job.spec, video=job.step("fetch video", partial(_fetch, job, job.spec.video, "video_path")))
    background = job.spec.options.background
    if background is not None and is_url(background):
        path = job.step("fetch background", partial(_fetch, job, background, "background"))
        job.spec = replace(job.spec, options=replace(job.spec.options, background=path))
    prepared = PrepareResult(**job.step("prepare", partial(_prepare, job, worker)))
    timings = dict(prepared.timings)
    if spoken is not None:
        timings["speak"] = spoken["seconds"]

    counts = segment_lengths(prepared.frames, Fraction(prepared.fps), settings.segment_seconds)
    timings["render"], found = _render(job, worker, counts, prepared)
    report.add_findings(settings, job.task_id, found)

    composed = job.step("compose", partial(_compose, job, worker, counts, prepared))
    timings["compose"] = composed["seconds"]
    identity = composed["identity"]
    save, kind = Path(job.spec.save), job.spec.options.subtitles
    beside = subtitle_path(save, kind) if kind in FILES else None
    job.step("publish", partial(publish, save, job.task_id, identity, settings, job.is_wanted, beside))
    seconds = float(prepared.frames / Fraction(prepared.fps))
    result = {
        "frames": prepared.frames,
        "frames_without_face": prepared.frames_without_face,
        "fps": prepared.fps,
        "width": prepared.width,
        "height": prepared.height,
        "duration": round(seconds, 3),
        "bytes": identity[1],
        "template_cached": prepared.template_cached,
        **({"subtitles": kind} if kind is not None else {}),
        **({"preview": job.spec.options.preview} if job.spec.options.preview is not None else {}),
        **({"faces": list(prepared.faces)} if prepared.faces else {}),
        "timings": {stage: round(value, 3) for stage, value in timings.items()},
        "real_time_factor": round(seconds / max(sum(timings.values()), 1e-9), 3),
        # By our own clock: DBOS on an older SQLite has times in whole seconds.
        "started": round(started, 3),
        "ended": round(time.time(), 3),
    }
    if notices := [*(dict(notice) for notice in prepared.notices), *to_records(findings.notices_of(found))]:
        result["notices"] = notices
    metrics.record_result(result)
    return result


def _fetch(job: RunningJob, url: str, name: str) -> str:
    """name: of the request's field"""
    target = job.folder / f"fetched-{name.removesuffix('_path')}"
    with disk_errors(OWN_FOLDER):
        job.folder.mkdir(parents=True, exist_ok=True)
    job.report("fetch", 0.0)
    fetch(url, target, name, job.context.settings, job.check)
    return str(target)


def _speak(job: RunningJob, spoken: SpokenText, worker: Worker) -> dict[str, Any]:
    """Our own voices speak in the worker; another server is asked from here, for the worker has no key."""
    clock, settings = time.perf_counter(), job.context.settings
    target = speech_path(settings, job.task_id)
    job.report("speak", 0.0)
    if settings.speech_url:
        with disk_errors(OWN_FOLDER), atomic_write(target) as part:
            sound = speak(spoken, RemoteSpeaker(settings, job.check), partial(job.report, "speak"))
            write_wav(part, sound)
            sync(part)
    else:
        job.context.require_voices()
        worker.call(Speak(job.worker_job(), spoken), job.report, job.check)
    return {"path": str(target), "seconds": time.perf_counter() - clock}


def _prepare(job: RunningJob, worker: Worker) -> dict[str, Any]:
    return asdict(worker.call(Prepare(job.worker_job()), job.report, job.check))


def _render(
    job: RunningJob, worker: Worker, counts: list[int], prepared: PrepareResult
) -> tuple[float, list[dict[str, Any]]]:
    """One recorded step for each segment. Returns the seconds that all of them took, and what was found in them."""
    context, starts = job.context, [0, *accumulate(counts)]
    job.rendered = [0.0] * len(counts)
    found_in: dict[int, list[dict[str, Any]]] = {}

    def render(index: int, renderer: Worker) -> None:
        def on_progress(stage: Stage, share: float) -> None:
            if stage == "render":
                job.rendered[index] = share * counts[index]

        def check() -> None:
            job.check()
            segments.check()

        start, stop = starts[index : index + 2]
        command = RenderSegment(
            job.worker_job(),
            prepared.inputs,
            index,
            start,
            stop,
            # With helpers, another worker may render the frames behind the segment.
            render_until=stop if context.pool.helpers else starts[-1],
            is_helper=renderer is not worker,
        )
        found_in[index] = [dict(found) for found in renderer.call(command, on_progress, check).findings]

    def take(index: int) -> dict[str, Any]:
        clock = time.perf_counter()
        segments.take(index, lambda: job.report("render", job.count_frames() / starts[-1]))
        return {"seconds": time.perf_counter() - clock, "findings": found_in[index]}

    seconds = 0.0
    found: list[dict[str, Any]] = []
    with Segments(worker, context.pool, len(counts), render, lambda: not context.registry.is_stopping) as segments:
        for index, count in enumerate(counts):
            done = job.step(f"segment {index}", partial(take, index))
            seconds += done["seconds"]
            found += done.get("findings", ())  # none in the records of earlier versions
            job.rendered[index] = count
            job.count_frames()
    return seconds, found


def _compose(job: RunningJob, worker: Worker, counts: list[int], prepared: PrepareResult) -> dict[str, Any]:
    settings = job.context.settings
    metadata = implicit_label(job.task_id, settings.aigc_producer) | tags(job.spec.options)
    command = Compose(job.worker_job(), prepared.inputs, counts, prepared.fps, metadata)
    # Segments may have to be rendered again. They were counted the first time.
    on_progress = lambda stage, share: job.report("compose", 0.0)  # noqa: E731
    composed = worker.call(command, on_progress, job.check)
    identity = sign_and_fingerprint(Path(job.spec.save), job.task_id, settings)
    return {"seconds": composed.seconds, "identity": identity}
