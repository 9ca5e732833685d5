"""A job as it is asked for, as it lies in the queue, and as its caller sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from digital_human.core.notices import worded
from digital_human.core.states import ENDED, Stage, State
from digital_human.errors import ServiceError, error_from_record
from digital_human.messages import Language
from digital_human.pipeline.options import RenderOptions
from digital_human.settings import Settings
from digital_human.speech.speaker import SpokenText


@dataclass(frozen=True)
class JobRequest:
    """A request for a video, not yet checked.

    task_id:      of the task to be; the same request again has the same id if its caller named a key
    owner:        who asks
    audio, video: each a path, the id of an upload, or an http(s) URL; audio is '' if a text is to be spoken
    save:         a path, or None to keep the result for the caller to fetch
    suffix:       of a result that is kept
    options:      how to render
    sent:         what the caller sent, to be shown again and compared when the same key comes again
    timeout:      seconds; None for the service's own limit
    callback_url: called when the task has ended
    priority:     1-9, 1 goes first
    title:        what the caller calls the video
    spoken:       the text to be spoken, in place of `audio`
    callback_progress: call it with the progress as well
    """

    task_id: str
    owner: str
    audio: str
    video: str
    save: str | None
    options: RenderOptions
    sent: Mapping[str, Any]
    timeout: float | None = None
    callback_url: str | None = None
    priority: int = 5
    title: str | None = None
    spoken: SpokenText | None = None
    callback_progress: bool = False
    suffix: str = ".mp4"


@dataclass(frozen=True)
class JobSpec:
    """Everything that a service process needs to make the video.

    audio, video: absolute paths, or http(s) URLs still to be fetched; audio is '' until a text has been spoken
    save:         absolute path of the result
    kept:         the caller named no path, so the service keeps the result in its own folder for a while
    timeout:      seconds from the first attempt on
    request:      `JobRequest.sent`
    title:        `JobRequest.title`
    names:        what the caller called the files of uploads, by field
    spoken:       the text to be spoken, if there is one
    """

    audio: str
    video: str
    save: str
    kept: bool
    options: RenderOptions
    timeout: float
    callback_url: str | None
    request: Mapping[str, Any]
    title: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    spoken: SpokenText | None = None
    callback_progress: bool = False

    def to_record(self) -> dict[str, Any]:
        """Plain JSON for the queue, the options beside the other fields, as every version has written it."""
        record = asdict(self)
        options: dict[str, Any] = record.pop("options")
        if self.spoken is None:
            del record["spoken"]
        return record | options

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> JobSpec:
        """A job from the queue. Fields and options that its version did not know have their default."""
        own = {name: record[name] for name in _SPEC_FIELDS if name in record}
        if own.get("spoken") is not None:
            own["spoken"] = SpokenText(**own["spoken"])
        options = {name: record[name] for name in _OPTION_NAMES if name in record}
        return JobSpec(**own, options=_OPTIONS.validate_python(options))


_OPTIONS = TypeAdapter(RenderOptions)
_OPTION_NAMES = [option.name for option in fields(RenderOptions)]
_SPEC_FIELDS = [spec_field.name for spec_field in fields(JobSpec) if spec_field.name != "options"]


@dataclass(frozen=True)
class Task:
    """A job as its caller sees it.

    progress: 0-1
    position: jobs in the queue before this one
    eta:      seconds until it ends, if that can be estimated
    created, started, ended: seconds since 1970
    """

    id: str
    owner: str
    spec: JobSpec
    state: State
    stage: Stage | None
    progress: float
    position: int | None
    eta: float | None
    failure: ServiceError | None
    result: Mapping[str, Any] | None
    created: float
    started: float | None
    ended: float | None
    timings: Mapping[str, float] = field(default_factory=dict)

    def warnings(self, language: Language = "en") -> list[str]:
        """What the caller should know of the video, in sentences."""
        return worded((self.result or {}).get("notices", ()), language)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


def failure_of(error: BaseException) -> ServiceError:
    """What the caller learns of an error: itself if it is one of ours, also when it comes back from the database."""
    if isinstance(error, ServiceError):
        return error
    name = getattr(error, "name", type(error).__name__)
    return error_from_record(str(name), str(error), getattr(error, "data", None))


def job_folder(settings: Settings, task_id: str) -> Path:
    """The folder for the pieces of a running job, the same for every process that shares the queue."""
    return settings.state_path / "jobs" / task_id


def speech_path(settings: Settings, task_id: str) -> Path:
    """The speech of a running job that came as a text, WAV."""
    return job_folder(settings, task_id) / "speech.wav"


def words_path(settings: Settings, task_id: str) -> Path:
    """When the words of that text are said, JSON, for subtitles of it."""
    return job_folder(settings, task_id) / "words.json"


def part_name(save: Path, task_id: str) -> str:
    """The unfinished result beside `save`. Every attempt uses the same name, so that none leaves one behind."""
    return f".{save.name}.{task_id}.part"
