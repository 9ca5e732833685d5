"""A job is one trace, received here by a small collector as any OTLP back end would receive it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from digital_human.observability import tracing
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer
from tests import live
from tests.live_service import eventually

otlp = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

ROOT = Path(__file__).resolve().parents[2]
JOB = """
import sys
from digital_human.observability import job_scope, tracing
from digital_human.core.concurrency import prefetch

def frames():
    with tracing.span("triton mouth_renderer"):
        print(tracing.headers()["traceparent"])
        yield 1

end = tracing.configure(sys.argv[1])
with job_scope.job(sys.argv[2]):
    with tracing.span("render"):
        sent = tracing.headers()
with tracing.continue_trace(sent):
    list(prefetch(frames(), 1, "draw"))
try:
    with job_scope.job(sys.argv[3]), tracing.span("plan"):
        raise ValueError("broken")
except ValueError:
    pass
end()
"""
MODELS = {"face_detector", "face_mesh", "face_occlusion", "speech_to_lips", "mouth_renderer"}
FIRST, SECOND = "3f2a9d10-0000-4000-8000-00000000000a", "3f2a9d10-0000-4000-8000-00000000000b"


class Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.bodies: list[bytes] = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector) and self.path == "/v1/traces"
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@dataclass(frozen=True)
class Seen:
    """A span of any sender; ids in hexadecimal digits."""

    name: str
    id: str
    parent: str


def spans_of(collector: Collector, trace: str) -> list[Seen]:
    """All of a trace: the service and its worker send protobuf, Triton JSON."""
    found = []
    for body in list(collector.bodies):
        if body.startswith(b"{"):
            for span in _spans_in_json(body):
                if span["traceId"] == trace:
                    found.append(Seen(span["name"], span["spanId"], span["parentSpanId"]))
        else:
            for span in _spans_in_protobuf(body):
                if span.trace_id.hex() == trace:
                    found.append(Seen(span.name, span.span_id.hex(), span.parent_span_id.hex()))
    return found


def by_id(spans: Iterable[Seen]) -> dict[str, Seen]:
    return {span.id: span for span in spans}


def is_whole(spans: Mapping[str, Seen]) -> bool:
    names = {span.name for span in spans.values()}
    wanted = {"submit", "job", "compute", *MODELS}
    return wanted <= names and all(span.parent in spans for span in spans.values() if span.parent)


def _spans_in_json(body: bytes) -> list[dict[str, Any]]:
    return [
        span
        for resource in json.loads(body)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def _spans_in_protobuf(body: bytes) -> list[Any]:
    return [
        span
        for resource in otlp.ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_job_is_one_trace_named_like_its_task(collector: Collector) -> None:
    url = f"http://127.0.0.1:{collector.server_port}"
    done = subprocess.run(
        [sys.executable, "-c", JOB, url, FIRST, SECOND],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"},
    )
    assert done.returncode == 0, done.stderr
    spans = [span for body in collector.bodies for span in _spans_in_protobuf(body)]
    of_first = {span.name: span for span in spans if span.trace_id.hex() == FIRST.replace("-", "")}
    assert set(of_first) == {"job", "render", "triton mouth_renderer"}
    assert of_first["job"].parent_span_id == b""
    assert of_first["render"].parent_span_id == of_first["job"].span_id
    assert of_first["triton mouth_renderer"].parent_span_id == of_first["render"].span_id
    # What Triton is sent leads to the span around its request.
    assert done.stdout.split("-")[1:3] == [FIRST.replace("-", ""), of_first["triton mouth_renderer"].span_id.hex()]
    of_second = {span.name: span.status.code for span in spans if span.trace_id.hex() == SECOND.replace("-", "")}
    assert of_second == {"job": 2, "plan": 2}


def test_without_a_collector_nothing_is_recorded() -> None:
    tracing.configure(None)()
    with tracing.span("anything") as span:
        assert not span.is_recording() and tracing.headers() == {}


def test_a_request_is_one_trace_from_the_api_through_the_worker_into_triton(
    collector: Collector, samples: Path, voice: Path, tmp_path: Path
) -> None:
    shutil.copy(samples / "template.mkv", tmp_path)
    shutil.copy(voice, tmp_path / "speech.wav")
    url = f"http://127.0.0.1:{collector.server_port}"
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    # Its own Triton, and the default engine: every process of the chain is the real one.
    with live.service(tmp_path, **settings) as service:
        body = {"audio_path": "speech.wav", "video_path": "template.mkv", "save_path": "out.mp4"}
        answer = httpx.post(f"{service}/human/generate", json=body, timeout=180)
        assert answer.status_code == 200, answer.text
        trace = answer.json()["data"]["task_id"].replace("-", "")
        # Each process sends its spans when it comes to it, a parent often after its children.
        eventually(lambda: is_whole(by_id(spans_of(collector, trace))))
        spans = by_id(spans_of(collector, trace))

    def parents(span: Seen) -> list[str]:
        found = []
        while span.parent in spans:
            span = spans[span.parent]
            found.append(span.name)
        return found

    assert sorted(span.name for span in spans.values() if not span.parent) == ["job", "submit"]
    steps = {span.name for span in spans.values() if parents(span) == ["job"]}
    assert steps == {"prepare", "segment 0", "compose", "publish"}
    asked = {(span.name, *parents(span)) for span in spans.values() if span.name.startswith("triton ")}
    assert asked == {
        ("triton face_detector", "prepare", "job"),
        ("triton face_mesh", "prepare", "job"),
        ("triton face_occlusion", "prepare", "job"),
        ("triton speech_to_lips", "prepare", "job"),
        ("triton mouth_renderer", "segment 0", "job"),
    }
    computed = {tuple(parents(span)[:3]) for span in spans.values() if span.name == "compute"}
    assert computed == {(name, "InferRequest", f"triton {name}") for name in MODELS}


def test_triton_goes_on_with_the_trace(collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "face_mesh").symlink_to(ROOT / "model_repository" / "face_mesh")
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    monkeypatch.setattr(tracing, "headers", lambda: {"traceparent": f"00-{trace}-{span}-01"})
    with TritonServer(tmp_path, collector=f"http://127.0.0.1:{collector.server_port}") as server:
        server.ready(60)
        TritonModels(server.url).infer("face_mesh", {"face": np.zeros((1, 192, 192, 3), np.uint8)})
        eventually(lambda: any(trace.encode() in body for body in collector.bodies))
    spans = spans_of(collector, trace)
    assert {"face_mesh", "compute"} <= {one.name for one in spans}
    assert span in {one.parent for one in spans}
