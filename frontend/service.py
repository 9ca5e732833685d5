"""The running service: settings, Triton (embedded or external) and the jobs."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from frontend import metrics, observe
from frontend.engines import ENGINES, Engine
from frontend.errors import BadInput, Unavailable
from frontend.media import EncoderSettings
from frontend.paths import resolve
from frontend.pipeline import Job, Progress, Result, Workshop, run
from frontend.settings import Settings
from frontend.templates import TemplateStore
from frontend.triton.client import TritonNetworks
from frontend.triton.contracts import check
from frontend.triton.server import TritonServer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """What the REST interface and the command line work with; made by `running`."""

    settings: Settings
    workshop: Workshop
    pool: ThreadPoolExecutor
    triton: TritonServer | None
    """The embedded server; None where an external one is used."""

    def job(self, audio: str, video: str, save: str, *, watermark: bool = False, digital_auth: bool = False) -> Job:
        """A checked job. Raises the errors of `frontend.paths.resolve`."""
        paths = resolve(audio, video, save, self.settings.base_path, self.settings.roots)
        return Job(paths.audio, paths.video, paths.save, watermark, digital_auth)

    def submit(
        self, job: Job, engine: str = "", progress: Progress = lambda stage, share: None
    ) -> tuple[str, Future[Result], threading.Event]:
        """Queue a job: its task id, its outcome, and the event that cancels it.

        Raises BadInput for an unknown engine and Unavailable while Triton is not ready.
        """
        chosen = find_engine(engine or self.settings.engine)
        self.require_triton()
        task_id, cancelled = str(uuid.uuid4()), threading.Event()
        arrived = time.monotonic()
        outcome = self.pool.submit(self._run, task_id, arrived, job, chosen, progress, cancelled)
        return task_id, outcome, cancelled

    def require_triton(self) -> None:
        """Raises Unavailable while the embedded Triton starts, or starts again."""
        if self.triton is not None and not self.triton.is_ready():
            raise Unavailable("Triton is not ready yet; try again in a moment")

    def _run(
        self, task_id: str, arrived: float, job: Job, engine: Engine, progress: Progress, cancelled: threading.Event
    ) -> Result:
        with observe.job(task_id, time.monotonic() - arrived):
            log.info("job started", extra={"video": job.video.name, "audio": job.audio.name, "engine": engine.name})
            try:
                result = run(job, engine, self.workshop, progress, cancelled)
            except BaseException as error:
                log.warning("job failed: %s", error, extra={"kind": metrics.kind(error)})
                raise
            metrics.video_seconds.inc(float(result.frames / result.fps))
            metrics.real_time_factor.observe(result.real_time_factor)
            log.info(
                "job finished",
                extra={
                    "frames": result.frames,
                    "real_time_factor": round(result.real_time_factor, 3),
                    **{f"{stage}_seconds": round(seconds, 3) for stage, seconds in result.seconds.items()},
                },
            )
            return result


def find_engine(name: str) -> Engine:
    if name not in ENGINES:
        raise BadInput(f"engine: there is none named {name!r}; known are {', '.join(sorted(ENGINES))}")
    return ENGINES[name]


def networks_needed() -> tuple[str, ...]:
    """Face networks and those of every engine."""
    names = ["face_detector", "face_mesh", *(name for engine in ENGINES.values() for name in engine.networks)]
    return tuple(dict.fromkeys(names))


@contextmanager
def running(settings: Settings, wait: bool = True) -> Iterator[Service]:
    """The service, with an embedded Triton unless `triton_url` names one; everything is stopped at the end.

    wait: return only when Triton is ready
    Raises Unavailable where Triton does not start, or the external one lacks a network or serves it with other tensors.
    """
    settings.base_path.mkdir(parents=True, exist_ok=True)
    settings.state_path.mkdir(exist_ok=True)
    with _triton(settings, wait) as triton:
        workshop = Workshop(
            networks=TritonNetworks(triton.url if triton else str(settings.triton_url)),
            store=TemplateStore(settings.state_path / "templates", settings.template_cache_bytes),
            encoder=EncoderSettings(settings.encoder_preset, settings.encoder_crf),
            watermark_image=settings.watermark_image,
            batch_size=settings.batch_size,
            max_audio_seconds=settings.max_audio_seconds,
            max_template_seconds=settings.max_template_seconds,
        )
        metrics.watch(triton.is_ready if triton else lambda: True, settings.base_path)
        pool = ThreadPoolExecutor(settings.max_jobs, thread_name_prefix="job")
        try:
            yield Service(settings, workshop, pool, triton)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _triton(settings: Settings, wait: bool) -> Iterator[TritonServer | None]:
    if settings.triton_url:
        check(settings.triton_url, networks_needed())
        yield None
        return
    with TritonServer(settings.model_repository, collector=settings.otel_exporter_otlp_endpoint) as server:
        if wait:
            server.ready()
        yield server
