"""The running service: settings, Triton (embedded or external) and the jobs."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from frontend.engine_weights import require_loaded
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

        Raises BadInput for an engine that is unknown or without weights, Unavailable while Triton is not ready.
        """
        chosen = find_engine(engine or self.settings.engine)
        self.require_triton()
        require_loaded(chosen, self.triton_url, self.model_repository)
        task_id, cancelled = str(uuid.uuid4()), threading.Event()
        return task_id, self.pool.submit(self._run, task_id, job, chosen, progress, cancelled), cancelled

    @property
    def triton_url(self) -> str:
        """host:port of Triton's HTTP service."""
        return self.triton.url if self.triton else str(self.settings.triton_url)

    @property
    def model_repository(self) -> Path | None:
        """Of the embedded Triton; an external one's is not ours to look into."""
        return self.triton.model_repository if self.triton else None

    def require_triton(self) -> None:
        """Raises Unavailable while the embedded Triton starts, or starts again."""
        if self.triton is not None and not self.triton.is_ready():
            raise Unavailable("Triton is not ready yet; try again in a moment")

    def _run(self, task_id: str, job: Job, engine: Engine, progress: Progress, cancelled: threading.Event) -> Result:
        log.info("task %s started: %s says %s", task_id, job.video.name, job.audio.name)
        try:
            result = run(job, engine, self.workshop, progress, cancelled)
        except BaseException as error:
            log.warning("task %s failed: %s: %s", task_id, type(error).__name__, error)
            raise
        log.info(
            "task %s finished: %d frames, %.2f x real time (%s)",
            task_id,
            result.frames,
            result.real_time_factor,
            ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items()),
        )
        return result


def find_engine(name: str) -> Engine:
    if name not in ENGINES:
        raise BadInput(f"engine: there is none named {name!r}; known are {', '.join(sorted(ENGINES))}")
    return ENGINES[name]


def networks_needed(engine: str) -> tuple[str, ...]:
    """Face networks and those of an engine. Those of the others may be missing until somebody brings them."""
    return ("face_detector", "face_mesh", *find_engine(engine).networks)


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
        pool = ThreadPoolExecutor(settings.max_jobs, thread_name_prefix="job")
        try:
            yield Service(settings, workshop, pool, triton)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _triton(settings: Settings, wait: bool) -> Iterator[TritonServer | None]:
    if settings.triton_url:
        check(settings.triton_url, networks_needed(settings.engine))
        yield None
        return
    with TritonServer(settings.model_repository, needed=networks_needed(settings.engine)) as server:
        if wait:
            server.ready()
        yield server
