"""Requests and responses of the REST interface."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from digital_human.api.result_options import ResultOptions
from digital_human.core.looping import Loop
from digital_human.core.states import STAGES, State
from digital_human.engines.base import STRENGTHS
from digital_human.errors import BadInputError, ServiceError
from digital_human.files.avatars import PREFIX as AVATAR
from digital_human.jobs.models import JobRequest, Task
from digital_human.messages import Language
from digital_human.pipeline.options import RenderOptions
from digital_human.speech.speaker import SPEEDS, SpokenText

_FLAG_SCHEMA = {"anyOf": [{"type": "integer", "enum": [0, 1]}, {"type": "boolean"}]}
Flag = Annotated[Literal[0, 1], WithJsonSchema(_FLAG_SCHEMA)]
"""0 or 1; false and true mean the same."""


class GenerateRequest(ResultOptions):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"audio_path": "speech.wav", "video_path": "template.mp4", "save_path": "result.mp4"}]
        }
    )

    audio_path: str | None = Field(
        None,
        description="Speech: any audio file, or a video's sound. A path, an upload's id, or a URL. This, or `text`.",
        max_length=4096,
    )
    text: str | None = Field(None, description="What is to be said, in place of `audio_path`.", min_length=1)
    voice: str = Field("", description="Who says `text`, see `GET /voices`; empty for one that fits.", max_length=200)
    speed: float = Field(1.0, ge=SPEEDS[0], le=SPEEDS[1], description="How fast `text` is said.")
    video_path: str | None = Field(
        None,
        description="Template: a video or a picture of a person. A path, an upload's id, or a URL.",
        max_length=4096,
    )
    avatar: str | None = Field(
        None, description="In place of `video_path`: the name of an avatar, see `/avatars`.", max_length=256
    )
    save_path: str | None = Field(
        None,
        description="Where the video is to be written (.mp4, .mov, .m4v, .mkv, .webm). Without it the service keeps "
        "the video for `GET /human/tasks/{id}/result`; one of the inputs must be an upload or a URL then, or the mode "
        "async.",
        max_length=4096,
    )
    container: Literal["mp4", "mov", "webm"] = Field(
        "mp4",
        description="Of a result without `save_path`. mov and webm keep the alpha channel of a template that has one.",
    )
    watermark: Flag = Field(0, description="1 lays the watermark picture over the lower right corner.")
    digital_auth: Flag = Field(0, description="1 lays the digital-human mark over the upper right corner.")
    engine: str = Field("", description="How to lip-sync; empty for the service's default.", max_length=64)
    mouth_strength: float = Field(
        1.0,
        ge=STRENGTHS[0],
        le=STRENGTHS[1],
        description="How far the mouth opens: less mumbles, more articulates. Only with an engine that has it.",
    )
    loop: Loop = Field(
        "ping-pong",
        description="How a speech goes on that is longer than the template: frames to and fro, from the start again, "
        "or the last one held.",
    )
    mode: Literal["sync", "async"] = Field("sync", description="async answers 202 at once; see the task's URL then.")
    priority: int = Field(5, ge=1, le=9, description="1 goes first.")
    timeout: float | None = Field(None, gt=0, description="Seconds the job may take; less than the service allows.")
    callback_url: str | None = Field(
        None, description="Called, signed, when the task has ended (standardwebhooks.com).", max_length=2048
    )
    callback_progress: Flag = Field(0, description="1 calls `callback_url` with the progress too while the task runs.")
    title: str | None = Field(
        None, description="What the video is called: in lists, and as the file that is downloaded.", max_length=200
    )

    def template(self) -> str:
        """As `JobRequest.video`. Raises BadInputError unless there is exactly one."""
        if self.avatar is not None:
            if self.video_path is not None:
                raise BadInputError("field_not_both", field="avatar", other="video_path")
            return AVATAR + self.avatar
        if self.video_path is None:
            raise BadInputError("field_missing", field="video_path")
        return self.video_path

    def spoken(self) -> SpokenText | None:
        """The text to be spoken. Raises BadInputError unless either a text or a recording is given."""
        if self.text is None and self.audio_path is None:
            raise BadInputError("field_missing", field="audio_path")
        if self.text is not None and self.audio_path is not None:
            raise BadInputError("speech_twice", field="text")
        return None if self.text is None else SpokenText(self.text, self.voice, self.speed)

    def render_options(self) -> RenderOptions:
        return RenderOptions(
            watermark=bool(self.watermark),
            digital_auth=bool(self.digital_auth),
            engine=self.engine,
            mouth_strength=self.mouth_strength,
            loop=self.loop,
            **self.result_options(self.text),
        )

    def job_request(self, task_id: str, owner: str) -> JobRequest:
        """Raises BadInputError where fields do not go together."""
        return JobRequest(
            task_id=task_id,
            owner=owner,
            audio=self.audio_path or "",
            video=self.template(),
            save=self.save_path,
            options=self.render_options(),
            sent=self.to_record(),
            timeout=self.timeout,
            callback_url=self.callback_url,
            priority=self.priority,
            title=self.title,
            spoken=self.spoken(),
            callback_progress=bool(self.callback_progress),
            suffix=f".{self.container}",
        )

    def to_record(self) -> dict[str, Any]:
        """The request, to be shown again and compared under an Idempotency-Key.

        Fields that are newer than the first version are left out at their default, so that a key of an earlier version
        still fits its request.
        """
        fields = type(self).model_fields
        unused = {name for name in fields if name not in _FIRST_FIELDS and getattr(self, name) == fields[name].default}
        return self.model_dump(exclude={"mode"} | unused)


_FIRST_FIELDS = {
    "audio_path",
    "video_path",
    "save_path",
    "watermark",
    "digital_auth",
    "engine",
    "mode",
    "priority",
    "timeout",
    "callback_url",
}


Warnings = Annotated[
    list[str],
    Field(
        description="What may be wrong with the video that was made, in sentences; there only if something is.",
        exclude_if=lambda sentences: not sentences,
    ),
]


class Generated(BaseModel):
    save_path: str | None
    task_id: str
    warnings: Warnings = []


class GenerateResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: Generated


class TaskError(BaseModel):
    code: int = Field(description="The status that the synchronous call would have answered with.")
    error: str = Field(description="The message's name, the same in every language.")
    message: str = Field(description="In English, or in Chinese if `Accept-Language` prefers it.")

    @staticmethod
    def of(error: ServiceError, language: Language) -> TaskError:
        return TaskError(code=error.status, error=error.name, message=error.text(language))


class TaskView(BaseModel):
    task_id: str
    state: State
    stage: str | None = Field(None, description=f"While it runs: {', '.join(STAGES)}.")
    progress: float = Field(description="0-1")
    queue_position: int | None = Field(None, description="Jobs that go before it; null once it runs.")
    eta_seconds: float | None = Field(None, description="Until it ends, if that can be estimated.")
    error: TaskError | None = None
    warnings: Warnings = []
    result: dict[str, Any] | None = Field(None, description="Frames, size, duration, timings of what was made.")
    timings: dict[str, float] = Field(default_factory=dict, description="Seconds of each stage.")
    title: str | None = Field(None, description="As it was given.")
    audio_path: str = Field(description="As it was given; empty for a text.")
    text: str | None = Field(None, description="What is said, if it came as a text.")
    voice: str | None = None
    speed: float | None = None
    video_path: str = Field(description="As it was given; `avatar:` and the name of an avatar.")
    names: dict[str, str] = Field(default_factory=dict, description="Names of uploaded files, by field.")
    save_path: str | None
    mouth_strength: float
    loop: Loop
    request: dict[str, Any] = Field(default_factory=dict, description="All that was sent, to be sent again.")
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None

    @staticmethod
    def of(task: Task, language: Language) -> TaskView:
        return TaskView(
            task_id=task.id,
            state=task.state,
            stage=task.stage,
            progress=task.progress,
            queue_position=task.position,
            eta_seconds=task.eta,
            error=TaskError.of(task.failure, language) if task.failure else None,
            warnings=task.warnings(language),
            result=dict(task.result) if task.result else None,
            timings=dict(task.timings),
            title=task.spec.title,
            audio_path=_given(task.spec.request, "audio"),
            text=task.spec.spoken.text if task.spec.spoken else None,
            voice=task.spec.spoken.voice if task.spec.spoken else None,
            speed=task.spec.spoken.speed if task.spec.spoken else None,
            video_path=_given(task.spec.request, "video"),
            names=dict(task.spec.names),
            save_path=task.spec.request.get("save_path"),
            mouth_strength=task.spec.options.mouth_strength,
            loop=task.spec.options.loop,
            request={name: value for name, value in task.spec.request.items() if value is not None},
            created=_moment(task.created),
            started=_moment(task.started) if task.started else None,
            ended=_moment(task.ended) if task.ended else None,
        )


def _given(request: Mapping[str, Any], what: str) -> str:
    """The audio or video of a request to this service, or to one of HeyGem's."""
    avatar = request.get("avatar") if what == "video" else None
    return AVATAR + avatar if avatar else str(request.get(f"{what}_path") or request.get(f"{what}_url") or "")


class TaskResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: TaskView


class AcceptedResponse(BaseModel):
    code: Literal[202] = 202
    message: str = "accepted"
    data: TaskView


class TaskPage(BaseModel):
    tasks: list[TaskView]
    next_offset: int | None = Field(None, description="For the next page; null on the last one.")


class TasksResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: TaskPage


class Uploaded(BaseModel):
    id: str = Field(description="To be given where a path is.")
    bytes: int
    name: str = Field(description="Of the file, as it was sent.")


class UploadResponse(BaseModel):
    code: Literal[201] = 201
    message: str = "success"
    data: Uploaded


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
