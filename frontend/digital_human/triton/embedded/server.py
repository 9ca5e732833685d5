"""The embedded Triton: a child process that is started, watched, restarted and never left behind."""

from __future__ import annotations

import http.client
import logging
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from digital_human.core.cpus import usable_processors
from digital_human.errors import UnavailableError
from digital_human.resources import bundled
from digital_human.triton import kserve
from digital_human.triton.embedded import guard, health, install, ports
from digital_human.triton.repository import combine, installed

logger = logging.getLogger("triton")

_LINE = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ \d+ (\S+?:\d+)\] ?(.*)$")
_LEVELS = {"I": logging.INFO, "W": logging.WARNING, "E": logging.ERROR, "F": logging.CRITICAL}
# Said as an error or a warning on every machine without a GPU.
_HARMLESS = ("CudaDriverHelper has not been initialized", "Failed to initialize NVML", "no pinned memory pool")

# Restarts come after 1, 2, 4 ... 30 s; a server that has lived for a minute starts that count anew.
FIRST_DELAY, LAST_DELAY, SETTLED = 1.0, 30.0, 60.0
# One that dies this often before it was ever ready will not do better the next time; later on we never give up.
MAX_FAILED_STARTS = 3
# Every so many seconds: a look at the processes of the networks, and a request to each network.
GLANCE, PROBE_INTERVAL, PROBE_TIMEOUT = 1.0, 30.0, 30.0
# Every so many seconds of a start: a look whether it is done.
START_GLANCE = 0.02
# Seconds in which a server that is no longer wanted may end by itself: it takes five to unload the networks, and nobody
# needs that; but what it knows of traces wants to be sent.
GRACE, GRACE_WITH_TRACES = 0.0, 10.0


MODELS = "models"
"""In the server's own folder: links to every model that it may load."""


class TritonServer:
    """Serves a model repository on the loopback interface. Also a context manager: `start` and `stop`.

    model_repositories: every folder in them that has a config.pbtxt and weights is loaded; see `repository.combine`
    loads: the networks to load, of those in the repository; all if not given
    needed: networks without which the server is not ready; those of the rest that do not load are only logged
    backend: this project's Python backend `onnxruntime`
    http_port, grpc_port, metrics_port: 0 takes a free one, which stays the same over restarts
    threads: CPU threads of one execution of networks that do not set their own; 0 for half of the cores, as the encoder
        and the other stages need the rest
    compiled: folder in which networks are kept compiled for this processor, so that the next start is quicker
    start_timeout: seconds that loading all networks may take
    collector: base address of an OpenTelemetry collector (OTLP over HTTP) that is sent each request's times
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
        self._guard: subprocess.Popen[str] | None = None
        self._loads = loads
        self._needed = needed
        # Those that this start of the server loads.
        self._models: list[str] = []
        self._pid: int | None = None
        self._folder: Path | None = None
        self._shm_prefix = ""
        self._is_ready = threading.Event()
        self._was_ready = False
        self._stopping = threading.Event()
        # Set by whoever has news for the supervisor: the log's end, or `stop`.
        self._news = threading.Event()
        self._failure: str | None = None
        self._complaints: deque[str] = deque(maxlen=5)
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
        """Process of the server now, None while there is none."""
        return self._pid

    def model_repository(self) -> Path | None:
        """The folder that the server reads, brought up to date; None while there is no server. Raises OSError."""
        if self._folder is None:
            return None
        combine(self._repositories, self._folder / MODELS)
        return self._folder / MODELS

    def start(self) -> None:
        """Start and supervise; returns at once, `ready` waits. Raises UnavailableError where it cannot run here."""
        self._runtime = install.find()
        http_port, grpc_port, metrics_port = self._ports
        self._reserved = [ports.reserve(http_port), ports.reserve(grpc_port)]
        http_port, grpc_port = map(ports.number, self._reserved)
        self._ports = (http_port, grpc_port, metrics_port or ports.any_free())
        self._supervisor = threading.Thread(target=self._supervise, name="triton-supervisor", daemon=True)
        self._supervisor.start()

    def stop(self) -> None:
        """End the server and everything it started; returns when they are gone."""
        self._stopping.set()
        self._news.set()
        if self._supervisor:
            self._supervisor.join()
            self._supervisor = None
        for reservation in self._reserved:
            reservation.close()
        self._reserved.clear()

    def is_ready(self) -> bool:
        """Whether every network is loaded and the process lives, at this moment."""
        process = self._guard
        return self._is_ready.is_set() and process is not None and process.poll() is None

    def ready(self, timeout: float = 120.0) -> None:
        """Wait until every network is loaded.

        Raises UnavailableError after `timeout` seconds, or once it is hopeless.
        """
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if self._failure:
                raise UnavailableError(self._failure)
            if time.monotonic() > deadline or self._stopping.is_set():
                raise UnavailableError("Triton is not ready" + self._last_words())
            time.sleep(START_GLANCE)

    def _supervise(self) -> None:
        delay, failed_starts = FIRST_DELAY, 0
        while not self._stopping.is_set():
            started = time.monotonic()
            reader = None
            try:
                reader = self._spawn()
                reason = self._watch(started + self._start_timeout)
            except OSError as error:
                reason = f"it cannot be started: {error}"
            failed_starts = 0 if self._is_ready.is_set() else failed_starts + 1
            self._end(reader)
            if self._stopping.is_set():
                return
            if failed_starts >= MAX_FAILED_STARTS and not self._was_ready:
                self._failure = f"Triton does not start: {reason}{self._last_words()}"
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

    def _spawn(self) -> threading.Thread:
        """Start the guard, which starts the server. Returns the thread that carries their output to the log."""
        self._folder = folder = Path(tempfile.mkdtemp(prefix="digital-human-triton-"))
        combine(self._repositories, folder / MODELS)
        found = installed(folder / MODELS)
        self._models = found if self._loads is None else [name for name in found if name in self._loads]
        self._shm_prefix = f"digital_human_{secrets.token_hex(4)}_"
        backends = self._runtime.prepare(folder, self._backend)
        command = self._runtime.command(folder / MODELS, self._models, backends, self._ports, self._shm_prefix)
        if self._collector:
            traces = f"{self._collector.rstrip('/')}/v1/traces"
            settings = ("mode=opentelemetry", f"opentelemetry,url={traces}", "rate=1", "level=TIMESTAMPS")
            command += [f"--trace-config={setting}" for setting in settings]
        environment = self._runtime.environment(folder)
        if self._threads:
            environment["ONNXRUNTIME_THREADS"] = str(self._threads)
        environment.setdefault("ONNXRUNTIME_THREADS", str(max(usable_processors() // 2, 1)))
        environment.setdefault("ONNXRUNTIME_PROCESSORS", str(usable_processors()))
        if self._compiled:
            environment["COMPILED_NETWORKS"] = str(self._compiled.resolve())
        self._news.clear()
        self._guard = subprocess.Popen(
            [
                sys.executable, "-I", guard.__file__, f"--remove={folder}", f"--shm-prefix={self._shm_prefix}",
                f"--grace={GRACE_WITH_TRACES if self._collector else GRACE:g}", "--", *command,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            errors="replace",
            start_new_session=True,
        )  # fmt: skip
        reader = threading.Thread(target=self._log, args=(self._guard,), name="triton-log", daemon=True)
        reader.start()
        return reader

    def _watch(self, deadline: float) -> str:
        """Returns why the server has to be started again; '' when it was told to stop."""
        assert self._guard is not None
        while not self._stopping.is_set():
            if self._guard.poll() is not None:
                return f"it ended with status {self._guard.returncode}"
            # HTTP is served only after every network was tried.
            if kserve.live(self.url):
                try:
                    missing = self._not_loaded()
                    requests = health.requests(self.url, self._models)
                except (OSError, http.client.HTTPException):
                    continue
                if missing and not self._was_ready:
                    self._failure = f"Triton cannot load {missing}"
                if missing:
                    return f"it cannot load {missing}"
                self._was_ready = True
                self._is_ready.set()
                return self._watch_ready(requests)
            if time.monotonic() > deadline:
                return f"it is not ready after {self._start_timeout:g} s"
            self._news.wait(START_GLANCE)
        return ""

    def _watch_ready(self, requests: Mapping[str, health.Request]) -> str:
        assert self._guard is not None
        processes, probed = health.model_processes(self._pid), time.monotonic()
        while not (self._stopping.is_set() or self._news.wait(GLANCE)):
            now = health.model_processes(self._pid)
            if now >= processes and time.monotonic() - probed < PROBE_INTERVAL:
                continue
            if stuck := health.first_stuck(self.url, requests, PROBE_TIMEOUT):
                return f"the network {stuck} does not answer"
            processes, probed = now, time.monotonic()
        return "" if self._stopping.is_set() else f"it ended with status {self._guard.wait()}"

    def _end(self, reader: threading.Thread | None) -> None:
        """Have the guard end the server, and wait until both are gone."""
        self._is_ready.clear()
        if self._guard is None or reader is None:
            return
        assert self._guard.stdin is not None and self._guard.stdout is not None
        self._guard.stdin.close()
        try:
            self._guard.wait(20)
        except subprocess.TimeoutExpired:
            # The kernel then kills the server.
            self._guard.kill()
            self._guard.wait()
        if self._guard.returncode < 0:
            # Killed, so it could not do this itself.
            guard.clean_up(self._pid, self._folder, self._shm_prefix)
        reader.join()
        self._guard.stdout.close()
        self._pid = None

    def _not_loaded(self) -> str:
        """'name: reason' of each needed network that is not ready, joined."""
        states = kserve.index(self.url)
        needed = self._models if self._needed is None else self._needed
        missing = ((name, states.get(name, ("", "not found"))) for name in needed)
        return "; ".join(f"{name}: {reason}" for name, (state, reason) in missing if state != "READY")

    def _last_words(self) -> str:
        return f": {' | '.join(self._complaints)}" if self._complaints else ""

    def _log(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in map(str.rstrip, process.stdout):
            if line.startswith("guard: server pid "):
                self._pid = int(line.split()[-1])
                continue
            match = _LINE.match(line)
            level, text = (_LEVELS[match[1]], f"{match[2]} {match[3]}") if match else (logging.INFO, line)
            if any(known in text for known in _HARMLESS):
                level = logging.DEBUG
            elif level >= logging.ERROR:
                self._complaints.append(text)
            if text:
                logger.log(level, "%s", text)
        self._news.set()
