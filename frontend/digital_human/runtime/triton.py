"""Provides Triton: embedded or external, as configured."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from digital_human.engines.registry import load_engines
from digital_human.errors import UnavailableError
from digital_human.runtime.context import models_needed
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from digital_human.triton.external import ExternalTriton

log = logging.getLogger(__name__)

Triton = TritonServer | ExternalTriton


@contextmanager
def triton_for(settings: Settings, wait: bool = True, loads: Sequence[str] | None = None) -> Iterator[Triton]:
    """The embedded Triton, or the external one if there is one.

    wait:  return only if it is ready; the embedded one is given time to start. Otherwise either may come later
    loads: names of the models to load; all models of the repositories if None
    Raises UnavailableError if it is not ready, or can never be: it serves other tensors than this service needs.
    """
    needed = models_needed(load_engines(settings.engine_modules).find(settings.engine))
    if settings.triton_url:
        external = ExternalTriton(settings.triton_url, needed)
        try:
            external.require_ready()
        except UnavailableError as error:
            if wait or not error.transient:
                raise
            log.warning("jobs wait for Triton: %s", error)
        yield external
        return
    collector = settings.otel_exporter_otlp_endpoint
    if loads is not None:
        needed = tuple(name for name in needed if name in loads)
    server = TritonServer(
        *settings.model_repositories,
        loads=loads,
        needed=needed,
        compiled=settings.state_path / "networks",
        collector=collector,
    )
    with server:
        if wait:
            server.ready()
        yield server
