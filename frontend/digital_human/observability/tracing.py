"""OpenTelemetry: one trace per job, from the request through the stages into Triton.

Without `OTEL_EXPORTER_OTLP_ENDPOINT` nothing is recorded, at next to no cost. The trace id of a job is its task id, and
a job that another process resumes continues the same trace.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import context, propagate, trace
from opentelemetry.trace import Span

log = logging.getLogger(__name__)

_TRACER = "frontend"


def configure(endpoint: str | None, service: str = "digital-human-service") -> Callable[[], None]:
    """Send spans to an OTLP collector over HTTP. Returns a function that sends the last spans and stops.

    endpoint: base address, as in OTEL_EXPORTER_OTLP_ENDPOINT; None records nothing
    """
    if not endpoint:
        return lambda: None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    except ModuleNotFoundError as error:
        log.warning("no traces: %s; pip install 'digital-human-service[tracing]'", error)
        return lambda: None

    class TaskIds(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            chosen = context.get_value(_TASK_KEY)
            return chosen if isinstance(chosen, int) else super().generate_trace_id()

    provider = TracerProvider(resource=Resource.create({"service.name": service}), id_generator=TaskIds())
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces"), schedule_delay_millis=1000)
    )
    trace.set_tracer_provider(provider)
    return provider.shutdown


_TASK_KEY = context.create_key("task-trace-id")


@contextmanager
def job(task_id: str, name: str = "job") -> Iterator[Span]:
    """Start a root span of a job, once when it is submitted and once when it runs. The trace id is the task's id."""
    fresh = context.set_value(_TASK_KEY, uuid.UUID(task_id).int, context.Context())
    token = context.attach(fresh)
    try:
        with span(name, task_id=task_id) as root:
            yield root
    finally:
        context.detach(token)


def span(name: str, **attributes: str | int | float | bool) -> AbstractContextManager[Span]:
    """Start a span within the current one. An exception that leaves it marks it as failed."""
    return trace.get_tracer(_TRACER).start_as_current_span(name, attributes=attributes)


@contextmanager
def continue_trace(sent: Mapping[str, str]) -> Iterator[None]:
    """Make spans of the block children of the span whose `headers` another process sent."""
    token = context.attach(propagate.extract(sent))
    try:
        yield
    finally:
        context.detach(token)


def headers() -> dict[str, str]:
    """HTTP headers that let Triton or a worker continue the current trace; empty while nothing is recorded."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier
