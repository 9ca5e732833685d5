"""The process of a live session: `python -m digital_human.live.worker.main DESCRIPTOR`.

It ends with the service, with its session, and when the service closes the socket of this descriptor.
"""

from __future__ import annotations

import os
import socket
import sys

from digital_human.engines import load_engines
from digital_human.jobs.worker import memory
from digital_human.jobs.worker.main import die_with_the_service, failure_of
from digital_human.jobs.worker.protocol import Configure
from digital_human.live.channel import Channel
from digital_human.live.messages import Flush, Interrupt, OpenSession, Play, Watch
from digital_human.live.worker.session import LiveSession
from digital_human.observability import logs, tracing
from digital_human.runtime.context import build_context
from digital_human.settings import Settings


def main() -> None:
    die_with_the_service()
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    configure, command = channel.receive(), channel.receive()
    assert isinstance(configure, Configure) and isinstance(command, OpenSession)
    settings = Settings.model_validate(configure.settings)
    logs.configure("WARNING")
    tracing.configure(settings.otel_exporter_otlp_endpoint)
    if settings.job_memory_bytes:
        memory.limit(settings.job_memory_bytes)
    with logs.task(command.session_id), tracing.continue_trace(command.trace):
        _serve(command, channel, settings, configure.triton_url)
    # Threads may be in the middle of something that nobody waits for any more.
    os._exit(0)


def _serve(command: OpenSession, channel: Channel, settings: Settings, triton_url: str) -> None:
    try:
        engines = load_engines(settings.engine_modules)
        session = LiveSession(command, channel, settings, build_context(settings, triton_url), engines)
    except Exception as error:
        channel.send(failure_of(error))
        return
    session.start()
    while (item := channel.receive()) is not None:
        if isinstance(item, bytes):
            session.push(item)
        elif isinstance(item, Flush):
            session.flush()
        elif isinstance(item, Interrupt):
            session.interrupt()
        elif isinstance(item, Play):
            session.play(item.path)
        elif isinstance(item, Watch):
            session.watch(item)


if __name__ == "__main__":
    main()
