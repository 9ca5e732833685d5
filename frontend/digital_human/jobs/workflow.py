"""A job as a durable workflow: fetch, prepare, segment after segment, compose, publish.

Each of these is a step whose outcome DBOS keeps in the database. A process that takes the job up after another has died
passes over the steps that are on record, so at most the segment that was being drawn is drawn again.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from dbos import DBOS, SetWorkflowID, WorkflowSerializationFormat
from sqlalchemy.exc import DBAPIError

from digital_human.errors import JobCancelledError, OutputError, ServiceError
from digital_human.files.atomic import OWN_FOLDER, disk_errors
from digital_human.files.disk_space import has_room, require_room
from digital_human.files.downloads import fetch, is_url
from digital_human.jobs.cancellation import Control, Switchboard
from digital_human.jobs.models import JobSpec, failure_of, job_folder
from digital_human.jobs.publish import publish, seal, unpublished
from digital_human.jobs.segments import Segments, segment_lengths
from digital_human.jobs.watcher import statuses
from digital_human.jobs.worker.process import Progress, Worker, Workers
from digital_human.net.webhooks import NotDeliveredError, deliver
from digital_human.observability import job_scope, metrics, tracing
from digital_human.provenance import implicit_label
from digital_human.settings import Settings

log = logging.getLogger(__name__)

JOBS, WEBHOOKS = "jobs", "webhooks"
GENERATE, DELIVER = "generate", "deliver_webhook"
PROGRESS = "progress"

T = TypeVar("T")

# The share of a job that is behind it when a stage begins, and the stage's own share.
_SHARES = {"fetch": (0.0, 0.02), "prepare": (0.02, 0.13), "plan": (0.15, 0.05), "render": (0.2, 0.75)}
_SHARES |= {"compose": (0.95, 0.05)}
_PROGRESS_INTERVAL = 1.0
_LAST_PAUSE = 30.0
_WEBHOOK_ATTEMPTS = 8
# A job that takes its whole process down with it is given up after so many.
_MAX_RECOVERIES = 30


@dataclass(frozen=True)
class Shop:
    """What the workflows of this process work with."""

    settings: Settings
    workers: Workers
    switchboard: Switchboard
    is_cancelled: Callable[[str], bool]
    """Asks the database."""


@dataclass
class _Run:
    """One job while this process works on it."""

    shop: Shop
    task_id: str
    spec: JobSpec
    control: Control
    drawn: list[float] = field(default_factory=list)
    """Frames of each segment that are drawn."""
    told: tuple[str, float] = ("", 0.0)
    counted: float = 0.0

    @property
    def folder(self) -> Path:
        return job_folder(self.shop.settings, self.task_id)

    def progress(self, stage: str, share: float) -> None:
        now = time.time()
        last, when = self.told
        # A new stage is told at once: a short one would otherwise never be seen.
        if stage != last or now - when >= _PROGRESS_INTERVAL:
            self.told = (stage, now)
            before, own = _SHARES[stage]
            # A disk without room for it shows when the step is to be recorded.
            with suppress(DBAPIError):
                DBOS.set_event(PROGRESS, {"stage": stage, "progress": round(before + own * share, 4), "at": now})

    def command(
        self, worker: Worker, do: str, told: Progress, check: Callable[[], None], **fields: Any
    ) -> dict[str, Any]:
        command = {
            "do": do,
            "task": self.task_id,
            "audio": self.spec.audio,
            "video": self.spec.video,
            "save": self.spec.save,
            "watermark": self.spec.watermark,
            "digital_auth": self.spec.digital_auth,
            "engine": self.spec.engine,
            "mouth_strength": self.spec.mouth_strength,
            "loop": self.spec.loop,
        }
        return worker.call(command | fields | {"trace": tracing.headers()}, told, check)

    def check(self) -> None:
        self.shop.switchboard.check(self.control)

    def count(self) -> float:
        """Tell the metrics how many frames of the job are drawn now, and return it."""
        drawn = sum(self.drawn)
        metrics.frames.inc(max(drawn - self.counted, 0))
        self.counted = max(drawn, self.counted)
        return drawn

    def step(self, name: str, work: Callable[[], T]) -> T:
        """Do one recorded step, again and with growing pauses where its error is transient."""
        switchboard = self.shop.switchboard

        def attempts() -> T:
            for attempt in range(self.shop.settings.retries + 1):
                switchboard.begin_step(self.control)
                try:
                    require_room(self.shop.settings)
                    with tracing.span(name):
                        return work()
                except ServiceError as error:
                    if not error.transient or attempt == self.shop.settings.retries:
                        raise
                    log.warning("task %s: %s will be tried again: %s", self.task_id, name, error)
                finally:
                    switchboard.end_step()
                switchboard.pause(min(2.0**attempt, _LAST_PAUSE), self.control)
            raise AssertionError("unreachable")

        try:
            return DBOS.run_step({"name": name}, attempts)
        except DBAPIError as error:
            raise OutputError("the service cannot keep its records; its disk may be full") from error


def register(shop: Callable[[], Shop]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Make the two workflows known to DBOS: (generate, deliver_webhook). `shop` is asked when one begins."""

    @DBOS.workflow(
        name=GENERATE, max_recovery_attempts=_MAX_RECOVERIES, serialization_type=WorkflowSerializationFormat.PORTABLE
    )
    def generate(spec: dict[str, Any]) -> dict[str, Any]:
        assert DBOS.workflow_id is not None
        with job_scope.job(DBOS.workflow_id):
            return _generate(shop(), DBOS.workflow_id, JobSpec(**spec), notify)

    @DBOS.workflow(name=DELIVER, serialization_type=WorkflowSerializationFormat.PORTABLE)
    def deliver_webhook(url: str, task_id: str, payload: dict[str, Any]) -> None:
        for attempt in range(_WEBHOOK_ATTEMPTS):
            failure = DBOS.run_step({"name": "attempt"}, _attempt, url, task_id, payload, shop().settings)
            if failure is None:
                return
            log.warning("webhook of task %s: %s", task_id, failure)
            DBOS.sleep(2.0 ** (attempt + 1))

    def notify(task_id: str, spec: JobSpec, outcome: Mapping[str, Any]) -> None:
        if spec.callback_url:
            payload = {"type": f"task.{outcome['state']}", "task_id": task_id, **outcome}
            with SetWorkflowID(webhook_id(task_id)):
                DBOS.enqueue_workflow(WEBHOOKS, deliver_webhook, spec.callback_url, task_id, payload)

    return generate, notify


def webhook_id(task_id: str) -> str:
    """One webhook a task, however often somebody asks for it."""
    return f"{task_id}-webhook"


def _attempt(url: str, task_id: str, payload: dict[str, Any], settings: Settings) -> str | None:
    try:
        deliver(url, task_id, payload, settings)
    except NotDeliveredError as error:
        return str(error)
    return None


def _generate(shop: Shop, task_id: str, spec: JobSpec, notify: Callable[..., None]) -> dict[str, Any]:
    started: float = DBOS.run_step({"name": "begin"}, _begin, task_id)
    control = shop.switchboard.enter(task_id)
    control.timeout, control.deadline = spec.timeout, started + spec.timeout
    run = _Run(shop, task_id, spec, control)
    log.info("task %s is under way", task_id)
    try:
        with shop.workers.lease() as worker:
            result = _work(run, worker, started)
    except Exception as error:
        clean_up(spec, task_id, shop.settings)
        if isinstance(error, JobCancelledError):
            raise
        failure = failure_of(type(error).__name__, str(error))
        log.warning("task %s failed: %s", task_id, error, exc_info=None if isinstance(error, ServiceError) else error)
        while not has_room(shop.settings):
            shop.switchboard.wait(1.0)
        notify(task_id, spec, {"state": "failed", "error": {"code": failure.code, "message": failure.message}})
        raise
    finally:
        shop.switchboard.leave(task_id)
    clean_up(spec, task_id, shop.settings)
    log.info("task %s finished: %d frames, %.2f x real time", task_id, result["frames"], result["real_time_factor"])
    notify(task_id, spec, {"state": "succeeded", "result": result})
    return result


def _begin(task_id: str) -> float:
    """Now. A job that is taken up again has begun already, so its wait is counted once."""
    now = time.time()
    for status in statuses([task_id]):
        metrics.queue_wait.observe(max(now - (status.created_at or now * 1000) / 1000, 0.0))
    return now


def _work(run: _Run, worker: Worker, started: float) -> dict[str, Any]:
    settings = run.shop.settings
    if is_url(run.spec.audio):
        run.spec = replace(run.spec, audio=run.step("fetch audio", partial(_fetch, run, run.spec.audio, "audio")))
    if is_url(run.spec.video):
        run.spec = replace(run.spec, video=run.step("fetch video", partial(_fetch, run, run.spec.video, "video")))
    prepared = run.step("prepare", lambda: run.command(worker, "prepare", run.progress, run.check))
    frames, timings = prepared["frames"], dict(prepared["timings"])

    counts = segment_lengths(frames, Fraction(prepared["fps"]), settings.segment_seconds)
    timings["render"] = _draw(run, worker, counts, prepared["inputs"])

    save = Path(run.spec.save)
    metadata = implicit_label(run.task_id, settings.aigc_producer)

    def compose() -> dict[str, Any]:
        begun = {"inputs": prepared["inputs"], "fps": prepared["fps"]}
        # Segments may have to be drawn again; they were counted the first time.
        told = lambda stage, share: run.progress("compose", 0.0)  # noqa: E731
        done = run.command(worker, "compose", told, run.check, counts=counts, metadata=metadata, **begun)
        return {**done, "identity": seal(save, run.task_id, settings)}

    composed = run.step("compose", compose)
    timings["compose"] = composed["seconds"]
    wanted = partial(_is_wanted, run)
    run.step("publish", partial(publish, save, run.task_id, composed["identity"], settings, wanted))
    seconds = float(frames / Fraction(prepared["fps"]))
    result = {
        "frames": frames,
        "frames_without_face": prepared["frames_without_face"],
        "fps": prepared["fps"],
        "width": prepared["width"],
        "height": prepared["height"],
        "duration": round(seconds, 3),
        "bytes": composed["identity"][1],
        "template_cached": prepared["template_cached"],
        "timings": {stage: round(value, 3) for stage, value in timings.items()},
        "real_time_factor": round(seconds / max(sum(timings.values()), 1e-9), 3),
        # By our own clock: DBOS on an older SQLite tells times by the second.
        "started": round(started, 3),
        "ended": round(time.time(), 3),
    }
    metrics.finished(result)
    return result


def _draw(run: _Run, worker: Worker, counts: list[int], inputs: dict[str, Any]) -> float:
    """One recorded step for each segment; returns the seconds that all of them took."""
    shop, starts = run.shop, [0, *accumulate(counts)]
    run.drawn = [0.0] * len(counts)

    def draw(index: int, drawer: Worker) -> None:
        def told(stage: str, share: float) -> None:
            if stage == "render":
                run.drawn[index] = share * counts[index]

        def check() -> None:
            run.check()
            segments.check()

        start, stop = starts[index : index + 2]
        # Where others may draw what comes behind it, nothing of that is begun.
        until = stop if shop.workers.helpers else starts[-1]
        place = {"index": index, "start": start, "stop": stop, "until": until, "inputs": inputs}
        run.command(drawer, "segment", told, check, helps=drawer is not worker, **place)

    def take(index: int) -> dict[str, Any]:
        clock = time.perf_counter()
        segments.take(index, lambda: run.progress("render", run.count() / starts[-1]))
        return {"seconds": time.perf_counter() - clock}

    seconds = 0.0
    with Segments(worker, shop.workers, len(counts), draw, lambda: not shop.switchboard.is_stopping) as segments:
        for index, count in enumerate(counts):
            seconds += run.step(f"segment {index}", partial(take, index))["seconds"]
            run.drawn[index] = count
            run.count()
    return seconds


def clean_up(spec: JobSpec, task_id: str, settings: Settings) -> None:
    """Remove every temporary file of a job. Does no harm when there is none."""
    unpublished(Path(spec.save), task_id, settings)
    shutil.rmtree(job_folder(settings, task_id), ignore_errors=True)


def _fetch(run: _Run, url: str, kind: str) -> str:
    target = run.folder / f"fetched-{kind}"
    with disk_errors(OWN_FOLDER):
        run.folder.mkdir(parents=True, exist_ok=True)
    run.progress("fetch", 0.0)
    check = partial(run.shop.switchboard.check, run.control)
    fetch(url, target, f"{kind}_path", run.shop.settings, check)
    return str(target)


def _is_wanted(run: _Run) -> bool:
    return not run.control.cancelled.is_set() and not run.shop.is_cancelled(run.task_id)
