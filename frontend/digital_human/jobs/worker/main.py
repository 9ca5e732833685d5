"""The process that decodes media and makes videos: `python -m digital_human.jobs.worker.main`.

Media come from strangers, and a decoder that crashes, hangs or eats memory must cost no more than its job. So each job
is worked on in a child of the service, which the service ends when the job is cancelled or makes no progress. The
child reads commands from standard input and answers on standard output, see `protocol`. It keeps the job of the last
command open.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any, TextIO

from digital_human.core.states import Stage
from digital_human.engines import EngineRegistry, load_engines
from digital_human.errors import OutOfMemoryError, ServiceError
from digital_human.jobs.worker import memory
from digital_human.jobs.worker.protocol import (
    Command,
    Compose,
    Configure,
    Failed,
    FindFaces,
    Message,
    Prepare,
    Progress,
    RenderSegment,
    SegmentResult,
    Speak,
    Study,
    decode,
    encode,
)
from digital_human.jobs.worker.session import JobSession
from digital_human.jobs.worker.speech import speak_text
from digital_human.jobs.worker.stills import find_faces
from digital_human.jobs.worker.study import study
from digital_human.observability import logs, tracing
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.template_store import DecodedTemplateCache
from digital_human.runtime.context import build_context
from digital_human.settings import Settings

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
_NICENESS = 5
_IDLE_SECONDS = 2.0
"""After so long without a command the process frees the plan and the template."""


def main() -> None:
    die_with_the_service()
    # The service answers its callers first.
    os.nice(_NICENESS)
    # Libraries print to standard output what they like. The answers go where only we write.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    commands = _commands()
    first = commands.get()
    assert isinstance(first, Configure)
    settings = Settings.model_validate(first.settings)
    # Its lines join those of the service on standard error. The log file is the service's alone.
    logs.configure("WARNING")
    tracing.configure(settings.otel_exporter_otlp_endpoint)
    if settings.job_memory_bytes:
        memory.limit(settings.job_memory_bytes)
    engines = load_engines(settings.engine_modules)
    context = replace(build_context(settings, first.triton_url), decoded=DecodedTemplateCache())
    _serve(commands, answers, settings, context, engines, first.triton_url)


def _serve(
    commands: SimpleQueue[Message],
    answers: TextIO,
    settings: Settings,
    context: PipelineContext,
    engines: EngineRegistry,
    triton_url: str,
) -> None:
    """Answer commands for ever."""
    report, session = ProgressReporter(answers), None
    while True:
        try:
            command = commands.get(timeout=_IDLE_SECONDS)
        except Empty:
            if session is not None:
                session.release_plan()
                if context.decoded is not None:
                    context.decoded.clear()
                memory.trim()
            command = commands.get()
        assert isinstance(command, Speak | Prepare | RenderSegment | Compose | Study | FindFaces)
        try:
            if isinstance(command, FindFaces):
                send(answers, find_faces(command, settings, context))
                continue
            if isinstance(command, Study):
                with logs.task(command.task_id), tracing.continue_trace(command.trace):
                    send(answers, study(command, settings, context, engines, report))
                continue
            if isinstance(command, Speak):
                with logs.task(command.job.task_id), tracing.continue_trace(command.job.trace):
                    send(answers, speak_text(command, settings, triton_url, report))
                continue
            if session is None or session.task_id != command.job.task_id or isinstance(command, Prepare):
                if session is not None:
                    session.close()
                    session = None
                session = JobSession(command.job, settings, context, engines, report)
            with logs.task(command.job.task_id), tracing.continue_trace(command.job.trace):
                answer = _do(session, command)
        except Exception as error:
            answer = failure_of(error)
        send(answers, answer)


def _do(session: JobSession, command: Command[Any]) -> Message:
    if isinstance(command, Prepare):
        return session.prepare()
    assert isinstance(command, RenderSegment | Compose)
    session.require_inputs(command.inputs)
    if isinstance(command, RenderSegment):
        return SegmentResult(session.render_segment(command))
    return session.compose(command)


class ProgressReporter:
    """Sends the progress of the work to the service, a few times a second at most."""

    INTERVAL = 0.25

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._last = 0.0

    def __call__(self, stage: Stage, share: float) -> None:
        now = time.monotonic()
        if now - self._last >= self.INTERVAL or share == 0.0:
            self._last = now
            send(self._answers, Progress(stage, round(share, 4)))


def send(answers: TextIO, message: Message) -> None:
    answers.write(encode(message))
    answers.flush()


def failure_of(error: Exception) -> Failed:
    """The message that reports an error to the service."""
    if isinstance(error, ServiceError):
        return Failed.by(error)
    if isinstance(error, MemoryError):
        return Failed.by(OutOfMemoryError("job_needs_memory"))
    log.error("unexpected error", exc_info=error)
    return Failed.by(ServiceError("internal_error", transient=isinstance(error, OSError)))


def _commands() -> SimpleQueue[Message]:
    """A queue that a thread fills from standard input. The process ends with the input, whatever it is doing."""
    commands: SimpleQueue[Message] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            commands.put(decode(line))
        os._exit(0)

    threading.Thread(target=read, name="commands", daemon=True).start()
    return commands


def die_with_the_service() -> None:
    """Have the kernel end this process when the service's thread that started it ends."""
    # Ctrl-C in a terminal reaches every process there; only the service decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
