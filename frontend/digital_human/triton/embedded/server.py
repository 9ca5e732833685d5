"""The embedded Triton: a supervised child process that is restarted when it dies and never left behind."""

from __future__ import annotations

import http.client
import logging
import secrets
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from digital_human.errors import UnavailableError
from digital_human.resources import bundled
from digital_human.triton import kserve
from digital_human.triton.embedded import health, install, launch, ports
from digital_human.triton.embedded.child import Child
from digital_human.triton.repository import ON_DEMAND, combine, installed

logger = logging.getLogger("triton")

FIRST_DELAY, LAST_DELAY, SETTLED = 1.0, 30.0, 60.0
"""Restarts are delayed by 1, 2, 4 ... 30 s, and by 1 s again once a server has lived for a minute."""
MAX_FAILED_STARTS = 3
"""A server that dies this often before it was ever ready is given up. One that was ready is always restarted."""
POLL_INTERVAL = 1.0
"""Seconds between looks at the model processes."""
PROBE_INTERVAL, PROBE_TIMEOUT = 30.0, 30.0
"""Seconds between requests to each model, and for its answer."""
START_POLL_INTERVAL = 0.02
"""Seconds between looks at a server that is starting."""
MODELS = "models"
"""Folder of links to every model that the server may load, in the server's own folder."""


class TritonServer:
    """Serves model repositories on the loopback interface. As a context manager it starts and stops.

    model_repositories: every folder in them with a config.pbtxt and weights is a model; see `repository.combine`
    loads: names of the models to load; all but those on demand if None
    needed: names of the models that the server must load to be ready; all if None. Failures of others are logged
    backend: folder of the Python backend `onnxruntime`; the one that ships if None
    http_port, grpc_port, metrics_port: 0 takes a free port, which stays the same over restarts
    threads: CPU threads per execution of models that set none; 0 for half of the cores, as the encoder and the other
        stages need the rest
    compiled: folder for models compiled for this processor, which speeds up the next start
    start_timeout: seconds that loading all models may take
    collector: base address of an OpenTelemetry collector (OTLP over HTTP) for a span of each request
    """

    def __init__(
        self,
        *model_repositories: Path,
        loads: Sequence[str] | None = None,
        needed: Sequence[str] | None = None,
        backend: Path | None = None,
        http_port: int = 0,
        grpc_port: int = 0,
        metrics_port: int = 0,
        threads: int = 0,
        compiled: Path | None = None,
        start_timeout: float = 120.0,
        collector: str | None = None,
    ) -> None:
        self._repositories = model_repositories or (bundled("model_repository"),)
        self.restarts = 0
        self._backend = backend or bundled("backends") / "onnxruntime"
        self._ports = (http_port, grpc_port, metrics_port)
        self._threads = threads
        self._compiled = compiled
        self._start_timeout = start_timeout
        self._collector = collector
        self._reserved: list[socket.socket] = []
        self._child: Child | None = None
        self._loads = loads
        self._needed = needed
        # Those that this start of the server loads.
        self._models: list[str] = []
        self._is_ready = threading.Event()
        self._was_ready = False
        self._stopping = threading.Event()
        # Wakes the supervisor: set at the end of the log and by `stop`.
        self._wake = threading.Event()
        self._failure: str | None = None
        self._recent_errors: deque[str] = deque(maxlen=5)
        self._supervisor: threading.Thread | None = None

    def __enter__(self) -> TritonServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """host:port of the HTTP service."""
        return f"{ports.HOST}:{self._ports[0]}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus finds Triton's metrics."""
        return f"http://{ports.HOST}:{self._ports[2]}/metrics"

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while there is none."""
        child = self._child
        return None if child is None else child.pid

    def model_repository(self) -> Path | None:
        """Update the folder that the server reads and return it; None while there is no server. Raises OSError."""
        if (child := self._child) is None:
            return None
        combine(self._repositories, child.folder / MODELS)
        return child.folder / MODELS

    def start(self) -> None:
        """Start and supervise the server without waiting for it; see `ready`.

        Raises UnavailableError where it cannot run on this machine.
        """
        self._runtime = install.find()
        http_port, grpc_port, metrics_port = self._ports
        self._reserved = [ports.reserve(http_port), ports.reserve(grpc_port)]
        http_port, grpc_port = map(ports.number, self._reserved)
        self._ports = (http_port, grpc_port, metrics_port or ports.any_free())
        self._supervisor = threading.Thread(target=self._supervise, name="triton-supervisor", daemon=True)
        self._supervisor.start()

    def stop(self) -> None:
        """End the server and all its processes, and wait until they are gone."""
        self._stopping.set()
        self._wake.set()
        if self._supervisor:
            self._supervisor.join()
            self._supervisor = None
        for reservation in self._reserved:
            reservation.close()
        self._reserved.clear()

    def is_ready(self) -> bool:
        """Whether every needed model is loaded and the process lives."""
        child = self._child
        return self._is_ready.is_set() and child is not None and child.is_alive()

    def require_ready(self) -> None:
        """Raises UnavailableError unless the server is ready; not transient once the server is given up."""
        if self.is_ready():
            return
        if self._failure:
            raise UnavailableError("triton_failed", reason=self._failure, transient=False)
        raise UnavailableError("triton_not_ready")

    def ready(self, timeout: float = 120.0) -> None:
        """Wait until every needed model is loaded.

        Raises UnavailableError after `timeout` seconds, or as soon as the server is given up.
        """
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if self._failure:
                self.require_ready()
            if time.monotonic() > deadline or self._stopping.is_set():
                raise UnavailableError("triton_not_started", output=self._error_summary())
            time.sleep(START_POLL_INTERVAL)

    def _supervise(self) -> None:
        delay, failed_starts = FIRST_DELAY, 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self._child = child = self._spawn()
                reason = self._watch(child, started + self._start_timeout)
            except OSError as error:
                reason = f"it cannot be started: {error}"
            failed_starts = 0 if self._is_ready.is_set() else failed_starts + 1
            self._terminate()
            if self._stopping.is_set():
                return
            if failed_starts >= MAX_FAILED_STARTS and not self._was_ready:
                self._failure = f"Triton does not start: {reason}{self._error_summary()}"
            if self._failure:
                logger.error(self._failure)
                return
            delay = FIRST_DELAY if time.monotonic() - started > SETTLED else delay
            self.restarts += 1
            logger.warning("Triton: %s; restart %d in %g s", reason, self.restarts, delay)
            self._stopping.wait(delay)
            delay = min(delay * 2, LAST_DELAY)
            if failed_starts and not ports.is_free(self._ports[2]):
                self._ports = (*self._ports[:2], ports.any_free())

    def _spawn(self) -> Child:
        """Start the guard, which starts the server."""
        folder = Path(tempfile.mkdtemp(prefix="digital-human-triton-"))
        combine(self._repositories, folder / MODELS)
        found = installed(folder / MODELS)
        self._models = [
            name for name in found if (name not in ON_DEMAND if self._loads is None else name in self._loads)
        ]
        shm_prefix = f"digital_human_{secrets.token_hex(4)}_"
        backends = self._runtime.prepare(folder, self._backend)
        command = self._runtime.command(folder / MODELS, self._models, backends, self._ports, shm_prefix)
        environment = launch.environment(self._runtime.environment(folder), self._threads, self._compiled)
        self._wake.clear()
        process = launch.start(command, folder, shm_prefix, environment, self._collector)
        return Child(process, folder, shm_prefix, self._recent_errors, self._wake)

    def _watch(self, child: Child, deadline: float) -> str:
        """Watch the server until it fails. Returns why; '' when it is stopped."""
        while not self._stopping.is_set():
            if not child.is_alive():
                return f"it ended with status {child.process.returncode}"
            # Triton serves HTTP only after it has tried to load every model.
            if kserve.live(self.url):
                try:
                    missing = self._missing_models()
                    probes = health.probe_requests(self.url, self._models)
                except (OSError, http.client.HTTPException):
                    pass  # asked again below, until the deadline
                else:
                    if missing and not self._was_ready:
                        self._failure = f"Triton cannot load {missing}"
                    if missing:
                        return f"it cannot load {missing}"
                    self._was_ready = True
                    self._is_ready.set()
                    return self._watch_ready(child, probes)
            if time.monotonic() > deadline:
                return f"it is not ready after {self._start_timeout:g} s"
            self._wake.wait(START_POLL_INTERVAL)
        return ""

    def _watch_ready(self, child: Child, probes: Mapping[str, health.Request]) -> str:
        processes, probed = health.model_processes(child.pid), time.monotonic()
        while not (self._stopping.is_set() or self._wake.wait(POLL_INTERVAL)):
            now = health.model_processes(child.pid)
            if now >= processes and time.monotonic() - probed < PROBE_INTERVAL:
                continue
            if stuck := health.first_unresponsive(self.url, probes, PROBE_TIMEOUT):
                return f"the model {stuck} does not answer"
            processes, probed = now, time.monotonic()
        return "" if self._stopping.is_set() else f"it ended with status {child.process.wait()}"

    def _terminate(self) -> None:
        self._is_ready.clear()
        if self._child is not None:
            self._child.stop()
            self._child = None

    def _missing_models(self) -> str:
        """'name: reason' of each needed model that is not ready, joined."""
        states = kserve.index(self.url)
        needed = self._models if self._needed is None else self._needed
        missing = ((name, states.get(name, ("", "not found"))) for name in needed)
        return "; ".join(f"{name}: {reason}" for name, (state, reason) in missing if state != "READY")

    def _error_summary(self) -> str:
        return f": {' | '.join(self._recent_errors)}" if self._recent_errors else ""
