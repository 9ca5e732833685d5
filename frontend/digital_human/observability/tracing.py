"""OpenTelemetry: one trace a job, from the request through the stages into Triton.

Without `OTEL_EXPORTER_OTLP_ENDPOINT` nothing is recorded and the calls here cost next to nothing. A job's trace has the
task's id as its own, so the two never have to be matched, and a job that was resumed by another process goes on in the
same trace.
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
    """Send spans to an OTLP collector over HTTP; returns what sends the last ones and stops.

    endpoint: base address, as OTEL_EXPORTER_OTLP_ENDPOINT; None records nothing
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
    """A root span of a job, one when it is submitted and one when it runs; their trace id is the task's id."""
    fresh = context.set_value(_TASK_KEY, uuid.UUID(task_id).int, context.Context())
    token = context.attach(fresh)
    try:
        with span(name, task_id=task_id) as root:
            yield root
    finally:
        context.detach(token)


def span(name: str, **attributes: str | int | float | bool) -> AbstractContextManager[Span]:
    """A span within the current one; an exception that leaves it marks it as failed."""
    return trace.get_tracer(_TRACER).start_as_current_span(name, attributes=attributes)


@contextmanager
def joined(sent: Mapping[str, str]) -> Iterator[None]:
    """The block belongs to the span whose `headers` another process has sent."""
    token = context.attach(propagate.extract(sent))
    try:
        yield
    finally:
        context.detach(token)


def headers() -> dict[str, str]:
    """What joins a request to Triton, or a worker, to the current span; empty while nothing is recorded."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier
