"""Starts the guard process with the server below it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from digital_human.core.cpus import usable_processors
from digital_human.triton.embedded import guard

GRACE, GRACE_WITH_TRACES = 0.0, 10.0
"""Seconds in which a server may end by itself. Unloading the models takes five, for nothing; spans need to be sent."""


def environment(base: Mapping[str, str], threads: int, compiled: Path | None) -> dict[str, str]:
    """`base` with what the backend `onnxruntime` reads. threads: 0 for half of the cores; see `TritonServer`"""
    result = dict(base)
    if threads:
        result["ONNXRUNTIME_THREADS"] = str(threads)
    result.setdefault("ONNXRUNTIME_THREADS", str(max(usable_processors() // 2, 1)))
    result.setdefault("ONNXRUNTIME_PROCESSORS", str(usable_processors()))
    if compiled:
        result["COMPILED_NETWORKS"] = str(compiled.resolve())
    return result


def start(
    command: Sequence[str], folder: Path, shm_prefix: str, environment: Mapping[str, str], collector: str | None
) -> subprocess.Popen[str]:
    """Run `command` under the guard, which removes `folder` and shared memory at the end.

    collector: of OpenTelemetry, which gets a span of each request
    """
    grace, traces = GRACE, list[str]()
    if collector:
        grace, url = GRACE_WITH_TRACES, f"{collector.rstrip('/')}/v1/traces"
        settings = ("mode=opentelemetry", f"opentelemetry,url={url}", "rate=1", "level=TIMESTAMPS")
        traces = [f"--trace-config={setting}" for setting in settings]
    options = [f"--remove={folder}", f"--shm-prefix={shm_prefix}", f"--grace={grace:g}"]
    return subprocess.Popen(
        [sys.executable, "-I", guard.__file__, *options, "--", *command, *traces],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        errors="replace",
        start_new_session=True,
    )
