"""The running service: settings, Triton (embedded or external) and the queue of jobs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from digital_human.engines import EngineRegistry, load_engines
from digital_human.errors import BadInputError, UnavailableError
from digital_human.files.inputs import FileInput, resolve_input
from digital_human.jobs.batches import Admission
from digital_human.jobs.database_threads import within
from digital_human.jobs.models import JobRequest, Task
from digital_human.jobs.opened import open_jobs
from digital_human.jobs.queue import Jobs
from digital_human.jobs.stills import find_faces
from digital_human.jobs.validation import check_request
from digital_human.jobs.worker.pool import WorkerPool
from digital_human.jobs.worker.protocol import FoundFaces
from digital_human.live.push.pushes import Pushes
from digital_human.live.sessions import LiveSessions
from digital_human.live.webrtc import Peers
from digital_human.observability import metrics, tracing
from digital_human.runtime import voices
from digital_human.runtime.context import make_folders
from digital_human.runtime.engine_weights import require_loaded
from digital_human.runtime.triton import Triton, triton_for
from digital_human.settings import Settings
from digital_human.speech.speaker import Speaker, SpokenText

log = logging.getLogger(__name__)

_COUNT_SECONDS = 2.0
"""That metrics wait for the database; they go without its numbers then."""


@dataclass(frozen=True)
class Service:
    """The resources of the REST interface; `running` makes it."""

    settings: Settings
    jobs: Jobs
    triton: Triton
    engines: EngineRegistry
    pool: WorkerPool
    live: LiveSessions
    peers: Peers
    pushes: Pushes

    @property
    def triton_url(self) -> str:
        """host:port of Triton's HTTP service."""
        return self.triton.url

    @property
    def model_repository(self) -> Path | None:
        """Of the embedded Triton; None with an external one, whose repository is out of reach."""
        return self.triton.model_repository()

    def require_engine(self, name: str) -> None:
        """Raises BadInputError if the engine's weights are not loaded. Passes while Triton is away."""
        if self.triton.is_ready():
            require_loaded(self.engines.find(name), self.triton_url, self.model_repository)

    @property
    def has_voices(self) -> bool:
        """Whether texts can be spoken. May block for seconds."""
        return voices.have_voices(self.settings, self.triton)

    def speaker(self, spoken: SpokenText) -> Speaker:
        """Who says the pieces of a text, loaded if need be. Raises BadInputError if no voices are installed."""
        return voices.speaker_for(self.settings, self.triton, spoken.text)

    def require_triton(self) -> None:
        """Raises UnavailableError while Triton starts, or starts again. May block for seconds."""
        self.triton.require_ready()

    def require_ready(self) -> None:
        """Raises UnavailableError unless a job would be made now: Triton, the database and the state folder are there.

        Returns when the database has answered, however long that takes.
        """
        self.require_triton()
        if not os.access(self.settings.state_path, os.W_OK | os.X_OK):
            raise UnavailableError("state_folder_gone")
        self.jobs.require_database()

    def faces(self, video: str, moment: float, owner: str) -> FoundFaces:
        """The faces of a template at a moment, seconds. video: a path or the id of an upload of `owner`

        Raises what `resolve_input` and `jobs.stills.find_faces` raise.
        """
        found = resolve_input(video, "video_path", owner, self.settings)
        if not isinstance(found, FileInput):
            raise BadInputError("faces_of_url")
        self.require_triton()
        return find_faces(found.path, moment, self.pool)

    def submit(self, request: JobRequest) -> Task:
        """Check a request and queue its job. The same request under the same id is the same task.

        Raises the ServiceError that says what is wrong with the request, or why it cannot be queued now.
        """
        if (known := self.jobs.known(request.task_id, request.sent)) is not None:
            return known
        spec = check_request(request, self.settings, self.engines)
        if spec.spoken is not None:
            voices.require_installed(self.settings, self.triton)
        self.require_engine(spec.options.engine)
        with tracing.job(request.task_id, "submit"):
            return self.jobs.submit(spec, request.owner, request.priority, request.task_id)


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """The service, with an embedded Triton unless `triton_url` names one. Stops everything at the end.

    Returns only when Triton is ready. Raises what `runtime.triton.triton_for` and `running_on` raise.
    """
    make_folders(settings)
    with triton_for(settings) as triton, running_on(triton, settings) as service:
        yield service


@contextmanager
def running_on(triton: Triton, settings: Settings) -> Iterator[Service]:
    """The service, on a Triton that may come later: jobs wait for it. The folders are there. Stops all but Triton.

    Raises UnavailableError if another service uses the same folder.
    """
    engines = load_engines(settings.engine_modules)

    def require_engine(name: str) -> None:
        triton.require_ready()
        require_loaded(engines.find(name), triton.url, triton.model_repository())

    require_voices = partial(voices.require_loaded, settings, triton)
    pool = WorkerPool(settings, lambda: triton.url)
    pool.start()
    live = LiveSessions(settings, lambda: triton.url, pool.pids)
    try:
        with (
            voices.unloaded_when_idle(settings, triton),
            open_jobs(settings, pool, require_engine, require_voices) as jobs,
        ):
            metrics.set_sources(partial(within, _COUNT_SECONDS, jobs.counts), triton.is_ready, settings.base_path)
            peers = Peers(settings.live_ice_servers, settings.live_ice_networks)
            pushes = Pushes(settings.live_ice_servers, settings.live_ice_networks)
            service = Service(settings, jobs, triton, engines, pool, live, peers, pushes)
            admission = Admission(settings, jobs, service.submit)
            admission.start()
            try:
                yield service
            finally:
                admission.stop()
    finally:
        live.stop()
        pool.stop()
