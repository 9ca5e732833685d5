"""The embedded Triton or an external one, as the settings say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from digital_human.engines.registry import load_engines
from digital_human.runtime.context import models_needed
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from digital_human.triton.schema import check


@contextmanager
def triton_for(
    settings: Settings, wait: bool = True, loads: Sequence[str] | None = None
) -> Iterator[TritonServer | None]:
    """The embedded Triton, or None where an external one is set and has what is needed.

    loads: the networks that somebody will call; all of the repository if not given
    """
    needed = models_needed(load_engines(settings.engine_modules).find(settings.engine))
    if settings.triton_url:
        check(settings.triton_url, needed)
        yield None
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
