"""The messages between the service and a worker process: a dataclass each, one JSON object a line.

    service -> worker     Configure      first, no answer
                          Speak          Progress ... SpeakResult, or Failed
                          Prepare        Progress ... PrepareResult, or Failed
                          RenderSegment  Progress ... SegmentResult, or Failed
                          Compose        Progress ... ComposeResult, or Failed
                          Study          Progress ... StudyResult, or Failed
                          FindFaces      FoundFaces, or Failed

The `inputs` of a PrepareResult come back with the later commands, which fail if the files are not the same any more.
Both ends are always of one version, so messages may change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from digital_human.core.states import Stage
from digital_human.errors import ServiceError, error_from_record
from digital_human.files.identity import Identity
from digital_human.pipeline.options import RenderOptions
from digital_human.speech.speaker import SpokenText

Result = TypeVar("Result")


class Message:
    """Base of all messages."""


class Command(Message, Generic[Result]):
    """Something for a worker to do; `Result` is the message that it answers with."""


@dataclass(frozen=True)
class WorkerJob:
    """The job that a command belongs to. trace: joins the worker's spans to the job's trace"""

    task_id: str
    audio: Path
    video: Path
    save: Path
    options: RenderOptions
    trace: Mapping[str, str]


@dataclass(frozen=True)
class Configure(Message):
    """settings: of the service, without its secrets; triton_url: host:port"""

    settings: Mapping[str, Any]
    triton_url: str


@dataclass(frozen=True)
class PrepareResult(Message):
    """inputs: identity of each input by its field; fps: a fraction as text; timings: seconds by stage

    notices: what the caller should know of the video, records of `Notice`
    faces: those of the template as the task's result shows them; empty where nobody counted
    Results of earlier versions are on record, so a new field needs a default.
    """

    inputs: Mapping[str, Identity]
    frames: int
    fps: str
    width: int
    height: int
    frames_without_face: int
    template_cached: bool
    timings: Mapping[str, float]
    notices: Sequence[Mapping[str, Any]] = field(default_factory=list)
    faces: Sequence[Mapping[str, float | bool]] = field(default_factory=list)


@dataclass(frozen=True)
class SegmentResult(Message):
    """The segment's file is complete. findings: of its frames that were looked at, records of `Finding`"""

    findings: Sequence[Mapping[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class ComposeResult(Message):
    """seconds: wall time"""

    seconds: float


@dataclass(frozen=True)
class SpeakResult(Message):
    """`speech_path` is complete."""


@dataclass(frozen=True)
class Speak(Command[SpeakResult]):
    """Speak a text into `speech_path`."""

    job: WorkerJob
    spoken: SpokenText


@dataclass(frozen=True)
class Prepare(Command[PrepareResult]):
    """Open the inputs, prepare the template and plan the frames."""

    job: WorkerJob


@dataclass(frozen=True)
class RenderSegment(Command[SegmentResult]):
    """Render frames start .. stop-1 into segment `index`.

    render_until: the worker goes on rendering up to this frame, a few frames ahead, so that the next segment starts at
                  once
    is_helper:    the job has another worker, which sees to the sound
    """

    job: WorkerJob
    inputs: Mapping[str, Identity]
    index: int
    start: int
    stop: int
    render_until: int
    is_helper: bool


@dataclass(frozen=True)
class Compose(Command[ComposeResult]):
    """Join the segments and the sound to the finished video, beside its place.

    frame_counts: frames of each segment
    metadata:     for the container
    """

    job: WorkerJob
    inputs: Mapping[str, Identity]
    frame_counts: Sequence[int]
    fps: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class StudyResult(Message):
    """content: hash of the template's content; facts: fields of `Suitability`; warnings: name and parameters of each"""

    content: str
    facts: Mapping[str, Any]
    warnings: Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Study(Command[StudyResult]):
    """Prepare the template of an avatar and store the analysis. thumbnail: where its picture goes"""

    task_id: str
    video: Path
    thumbnail: Path
    options: RenderOptions
    trace: Mapping[str, str]


@dataclass(frozen=True)
class FoundFaces(Message):
    """boxes: [x, y, width, height] of each face, see `pipeline.stills`; seconds: of the template; picture: base64"""

    width: int
    height: int
    seconds: float
    boxes: Sequence[Sequence[float]]
    picture: str


@dataclass(frozen=True)
class FindFaces(Command[FoundFaces]):
    """Look for faces in a template at a moment, seconds. It belongs to no job, and leaves the open one alone."""

    video: Path
    time: float


@dataclass(frozen=True)
class Progress(Message):
    """share: of the stage, 0-1"""

    stage: Stage
    share: float


@dataclass(frozen=True)
class Failed(Message):
    """The command failed. name: the error's class; message, data: see `errors.error_from_record`"""

    name: str
    message: str
    transient: bool
    data: Mapping[str, Any] | None = None

    @staticmethod
    def by(error: ServiceError) -> Failed:
        return Failed(type(error).__name__, str(error), error.transient, error.data)

    def error(self) -> ServiceError:
        error = error_from_record(self.name, self.message, self.data)
        error.transient = self.transient
        return error


_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (
        Configure,
        Speak,
        SpeakResult,
        Prepare,
        RenderSegment,
        Compose,
        FindFaces,
        FoundFaces,
        Progress,
        PrepareResult,
        SegmentResult,
        ComposeResult,
        Study,
        StudyResult,
        Failed,
    )
}


def encode(message: Message) -> str:
    """One line, with its end."""
    name = type(message).__name__
    return json.dumps({"type": name, **_ADAPTERS[name].dump_python(message, mode="json")}) + "\n"


def decode(line: str) -> Message:
    """Raises ValueError for anything but a whole message."""
    fields = json.loads(line)
    message: Message = _ADAPTERS[fields.pop("type")].validate_python(fields)
    return message
