"""Prometheus metrics. The counters and gauges are defined here; code updates them where things happen.

Labels take values from short fixed lists only (states, stages, kinds of error, routes). Every series of the dashboards
exists from the start, so that a rate over it is 0 rather than "no data" until the first event.
"""

from __future__ import annotations

import asyncio
import http.client
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from digital_human.core.states import ENDED, OPEN, TIMED_STAGES
from digital_human.errors import FORMER_NAMES, ServiceError, all_errors

jobs = Gauge("digital_human_jobs", "Jobs that wait or run now", ["state"])
jobs_finished = Counter("digital_human_jobs_finished", "Jobs that ended, by how", ["state"])
queue_wait = Histogram(
    "digital_human_queue_wait_seconds",
    "From a job's arrival to its start",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200),
)
job_duration = Histogram(
    "digital_human_job_duration_seconds",
    "From a job's start to its end",
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200),
)
stage_duration = Histogram(
    "digital_human_stage_duration_seconds",
    "Wall time of one stage of a job",
    ["stage"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
)
frames = Counter("digital_human_frames", "Frames drawn")
frames_without_face = Counter("digital_human_frames_without_face", "Frames passed through, no face being found in them")
video_seconds = Counter("digital_human_video_seconds", "Length of the videos finished")
real_time_factor = Histogram(
    "digital_human_real_time_factor",
    "Seconds of video made in one second of a job",
    buckets=(0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 50),
)
errors = Counter("digital_human_errors", "Errors by kind, of requests refused and of jobs failed", ["where", "kind"])
template_cache = Counter(
    "digital_human_template_cache_requests", "Requests to the store of analysed templates", ["result"]
)
triton_ready = Gauge("digital_human_triton_ready", "1 while Triton answers with every needed model loaded")
disk_free = Gauge("digital_human_disk_free_bytes", "Room left where results are written")
disk_size = Gauge("digital_human_disk_size_bytes", "Size of the disk where results are written")
requests = Counter("digital_human_http_requests", "Answers given", ["method", "route", "code"])
request_duration = Histogram(
    "digital_human_http_request_duration_seconds",
    "From a request's arrival to the end of its answer",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)

live_sessions = Gauge("digital_human_live_sessions", "Live sessions that run now")
live_session_seconds = Counter("digital_human_live_session_seconds", "Length of the live sessions that have ended")
live_pictures = Counter(
    "digital_human_live_pictures", "Pictures of live sessions; late ones are sent too, dropped ones are not", ["result"]
)
live_held_seconds = Counter("digital_human_live_held_seconds", "Time in which a live picture could not be drawn")
live_first_picture = Histogram(
    "digital_human_live_first_picture_seconds",
    "From an utterance's first sound to its first picture",
    buckets=(0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.75, 1, 2, 5),
)
live_interrupt = Histogram(
    "digital_human_live_interrupt_seconds",
    "From an interruption until the lips are shut",
    buckets=(0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5),
)
live_skew = Histogram(
    "digital_human_live_skew_seconds",
    "From the time at which a picture and its sound were due until they went out, once a second of each session",
    buckets=(0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 1, 5),
)
live_looked = Counter("digital_human_live_looked", "Live pictures that were looked at after they went out", ["result"])
live_pushes = Gauge("digital_human_live_pushes", "Receivers to which live sessions are sent now")
live_push_ends = Counter("digital_human_live_push_ends", "Connections to receivers that have ended", ["kind", "result"])

_LABELS = {error: name for name, error in FORMER_NAMES.items()}


def kind(error: BaseException) -> str:
    """The label of an error: "Internal" unless it is one of `digital_human.errors`, so that the label stays bounded."""
    return _label(type(error)) if isinstance(error, ServiceError) else "Internal"


def _label(error: type[ServiceError]) -> str:
    return _LABELS.get(error, error.__name__)


for _state in OPEN:
    jobs.labels(_state)
for _state in ENDED:
    jobs_finished.labels(_state)
for _stage in TIMED_STAGES:
    stage_duration.labels(_stage)
for _kind in ("Internal", *map(_label, all_errors())):
    for _where in ("request", "job"):
        errors.labels(_where, _kind)
for _result in ("hit", "miss"):
    template_cache.labels(_result)
for _result in ("sent", "late", "dropped"):
    live_pictures.labels(_result)
for _result in ("fine", "ruined"):
    live_looked.labels(_result)
for _kind in ("rtmp", "whip"):
    for _result in ("ended", "refused", "lost"):
        live_push_ends.labels(_kind, _result)


@contextmanager
def count_job() -> Iterator[None]:
    """Count and time the job that the block runs. A job that is interrupted, to resume elsewhere, is not counted."""
    start = time.perf_counter()
    try:
        yield
    except Exception as error:
        state = "cancelled" if "Cancelled" in type(error).__name__ else "failed"
        errors.labels("job", kind(error)).inc()
        _record_end(state, start)
        raise
    _record_end("succeeded", start)


def _record_end(state: str, start: float) -> None:
    jobs_finished.labels(state).inc()
    job_duration.observe(time.perf_counter() - start)


def record_result(result: Mapping[str, Any]) -> None:
    """Record the result of a job that succeeded."""
    video_seconds.inc(result["duration"])
    real_time_factor.observe(result["real_time_factor"])
    frames_without_face.inc(result["frames_without_face"])
    template_cache.labels("hit" if result["template_cached"] else "miss").inc()
    for stage in TIMED_STAGES:
        stage_duration.labels(stage).observe(result["timings"][stage])


def set_sources(count: Callable[[], Mapping[Any, int]], is_ready: Callable[[], bool], folder: Path) -> None:
    """Set the functions that `/metrics` calls for current values.

    count:    number of jobs in each of `OPEN`, over all processes that share the queue
    is_ready: whether Triton serves every needed model
    folder:   folder of the results
    """
    for state in OPEN:
        jobs.labels(state).set_function(partial(_counted, count, state))
    triton_ready.set_function(lambda: float(is_ready()))
    disk_free.set_function(lambda: shutil.disk_usage(folder).free)
    disk_size.set_function(lambda: shutil.disk_usage(folder).total)


def _counted(count: Callable[[], Mapping[Any, int]], state: str) -> float:
    try:
        return float(count()[state])
    except Exception:
        # The other metrics are still of use while the queue's database is away.
        return float("nan")


async def exposition(triton_metrics: str | None) -> Response:
    """The metrics of this process and, if an address is given, of the embedded Triton."""
    own, triton = await asyncio.gather(asyncio.to_thread(generate_latest), asyncio.to_thread(_fetch, triton_metrics))
    return Response(own + triton, media_type=CONTENT_TYPE_LATEST)


def _fetch(url: str | None) -> bytes:
    if url is None:
        return b""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            body = answer.read()
            return body if isinstance(body, bytes) else b""
    except (OSError, http.client.HTTPException):
        # Triton is starting; `digital_human_triton_ready` says so.
        return b""


async def endpoint(request: Request) -> Response:
    """`GET /metrics`"""
    triton = request.app.state.service.triton
    return await exposition(triton.metrics_url)
