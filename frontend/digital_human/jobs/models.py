"""A job as it lies in the queue, and a task as its caller sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from digital_human.core.looping import Loop
from digital_human.errors import ServiceError, error_class, error_from_name
from digital_human.settings import Settings

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
STATES: tuple[State, ...] = ("queued", "running", "succeeded", "failed", "cancelled")
ENDED: tuple[State, ...] = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class JobSpec:
    """Everything a service process needs to make the video; plain enough for JSON.

    audio, video: absolute paths, or http(s) URLs still to be fetched
    save:         absolute path of the result
    kept:         the caller named no path, so the result lies in the service's own folder for a while
    timeout:      seconds from the first attempt on
    request:      what the caller sent, to be shown again and compared under an Idempotency-Key
    Fields that came later have a default, so that jobs queued by an earlier version go on.
    """

    audio: str
    video: str
    save: str
    kept: bool
    watermark: bool
    digital_auth: bool
    engine: str
    timeout: float
    callback_url: str | None
    request: Mapping[str, Any]
    mouth_strength: float = 1.0
    loop: Loop = "ping-pong"


@dataclass(frozen=True)
class Failure:
    """code: the HTTP status that the synchronous call answers with"""

    code: int
    name: str
    message: str


@dataclass(frozen=True)
class Task:
    """progress: 0-1; position: jobs in the queue before this one; eta: seconds until it ends, where that can be told;
    created, started, ended: seconds since 1970"""

    id: str
    owner: str
    spec: JobSpec
    state: State
    stage: str | None
    progress: float
    position: int | None
    eta: float | None
    failure: Failure | None
    result: Mapping[str, Any] | None
    created: float
    started: float | None
    ended: float | None
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


def failure_of(name: str, message: str) -> Failure:
    """What the caller learns of an error: its message if it is one of ours, which are written for them."""
    if error_class(name) is None:
        name, message = ServiceError.__name__, "an error of the service itself; its log has the details"
    error = error_from_name(name, message)
    return Failure(error.status, type(error).__name__, str(error))


def job_folder(settings: Settings, task_id: str) -> Path:
    """Where the pieces of a running job lie; every process that shares the queue sees the same folder."""
    return settings.state_path / "jobs" / task_id


def part_name(save: Path, task_id: str) -> str:
    """The unfinished result beside `save`. Every attempt uses the same name, so that none leaves one behind."""
    return f".{save.name}.{task_id}.part"
