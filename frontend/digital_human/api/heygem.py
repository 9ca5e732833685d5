"""/easy/submit, /easy/query and /easy/cancel: the calls of clients of HeyGem and Duix, which need not change.

Relative inputs are looked up in `EASY_FOLDER` below `BASE_PATH`, and then in `BASE_PATH`. The result is `<code>-r.mp4`
in EASY_FOLDER. Errors get HeyGem's envelope in `digital_human.api.errors`, as all errors get theirs.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from digital_human import messages
from digital_human.api import easy_codes
from digital_human.api.auth import Caller, CallerDep, ServiceDep, schemes
from digital_human.api.blocking import run_blocking, submit_job
from digital_human.api.easy_envelope import SUCCESS, EasyResponse, easy_text, no_such_task
from digital_human.api.language import LanguageDep
from digital_human.errors import BadInputError, KeyReusedError
from digital_human.files.host_paths import is_absolute
from digital_human.files.inputs import is_path
from digital_human.jobs.models import JobRequest, Task
from digital_human.messages import Language
from digital_human.pipeline.options import RenderOptions
from digital_human.service import Service
from digital_human.settings import Settings

_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"model": EasyResponse, "description": "No API key, or a wrong one"},
    413: {"model": EasyResponse, "description": "Larger than allowed"},
}

router = APIRouter(prefix="/easy", tags=["HeyGem / Duix"], dependencies=schemes, responses=_RESPONSES)

_MESSAGES = {
    "queued": "easy_queued",
    "running": "easy_running",
    "succeeded": "easy_succeeded",
    "cancelled": "task_cancelled",
}
_STATUS = {"queued": 1, "running": 1, "succeeded": 2, "failed": 3, "cancelled": 3}


def _text(value: object) -> object:
    """Numbers as text: callers count their jobs."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _switch(value: object) -> int:
    """1 for 1, "1" and true; 0 for everything else, as HeyGem has it."""
    if isinstance(value, str):
        return int(value.strip().lower() in ("1", "true"))
    return int(isinstance(value, int | float) and value == 1)


def _unicode(text: str) -> str:
    """JSON can write half a surrogate pair, which no file name and no database holds."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("surrogate", "holds half a surrogate pair") from None
    return text


Text = Annotated[str, AfterValidator(_unicode), Field(min_length=1, max_length=4096)]
Switch = Annotated[int, BeforeValidator(_switch), WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]})]
CallersCode = Annotated[
    Text, BeforeValidator(_text), WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "number"}]})
]


class EasyCode(BaseModel):
    model_config = ConfigDict(extra="allow")

    code: CallersCode = Field(description="The caller's own id.")


class EasyRequest(EasyCode):
    audio_url: Text
    video_url: Text
    watermark_switch: Switch = 0
    digital_auth: Switch = 0
    chaofen: Switch | None = Field(None, description="Has no meaning here; reported as ignored.")
    pn: Switch | None = Field(None, description="Has no meaning here; reported as ignored.")


@router.post("/submit")
async def submit(body: EasyRequest, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> EasyResponse:
    """Queue a job under the caller's own code. The same request again is the same job until that has ended."""
    try:
        request = await run_blocking(_job_request, body, caller, service)
        task = await submit_job(service, request)
    except KeyReusedError:
        raise BadInputError("code_reused", code=body.code) from None
    ignored = sorted({"chaofen", "pn"} & body.model_fields_set | set(body.model_extra or {}))
    data = {"code": body.code, "task_id": task.id} | ({"ignored": ignored} if ignored else {})
    return EasyResponse(code=SUCCESS, success=True, msg=messages.text("easy_success", {}, language), data=data)


@router.get("/query")
async def query(
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    language: LanguageDep,
    code: Annotated[str, Query(min_length=1)],
) -> EasyResponse:
    """How the job of this code does: status 1 waits or runs, 2 done, 3 failed.

    A job that has ended is forgotten (10004) `EASY_FORGET_SECONDS` after the first answer that said so.
    """
    task = await run_blocking(easy_codes.latest, caller, code, service.jobs)
    if task is None or await asyncio.to_thread(easy_codes.is_forgotten, task, service.settings):
        return no_such_task(language)
    if task.has_ended and request.method == "GET":
        await asyncio.to_thread(easy_codes.mark_reported, task, service.settings)
    data = _described(task, code, service.settings, language)
    return EasyResponse(code=SUCCESS, success=True, msg="", data=data)


@router.post("/cancel")
async def cancel(body: EasyCode, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> EasyResponse:
    """Stop the job of this code, whether it waits or runs. HeyGem has no such call."""
    task = await run_blocking(easy_codes.latest, caller, body.code, service.jobs)
    if task is None:
        return no_such_task(language)
    await run_blocking(service.jobs.cancel, task.id, caller.sees)
    text = messages.text("task_cancelled", {}, language)
    return EasyResponse(code=SUCCESS, success=True, msg=text, data={"code": body.code})


def _described(task: Task, code: str, settings: Settings, language: Language) -> dict[str, Any]:
    result = task.result or {}
    data: dict[str, Any] = {
        "code": code,
        "status": _STATUS[task.state],
        "progress": round(task.progress * 100),
        "result": _result_url(task, settings) if task.state == "succeeded" else "",
        "msg": _state_message(task, language),
        "queue_position": task.position,
        "eta_seconds": task.eta,
        "task_id": task.id,
    }
    if task.state == "succeeded":
        cost = round((task.ended or 0.0) - (task.started or 0.0), 2)
        data |= {"cost": cost, "video_duration": result["duration"]}
        data |= {"width": result["width"], "height": result["height"]}
    return data


def _state_message(task: Task, language: Language) -> str:
    if task.failure is not None:
        return easy_text(task.failure.text(language))
    if task.state == "queued" and task.position:
        return messages.text("easy_queued_behind", {"count": task.position}, language)
    if task.state == "running" and task.stage and language == "en":
        return task.stage
    return messages.text(_MESSAGES[task.state], {}, language)


def _result_url(task: Task, settings: Settings) -> str:
    """The result as seen from EASY_FOLDER, with a slash before it, as clients join it to their own folder."""
    save, folder = Path(task.spec.save), Path(os.path.realpath(settings.base_path / settings.easy_folder))
    return f"/{save.relative_to(folder) if save.is_relative_to(folder) else save.name}"


def _job_request(body: EasyRequest, caller: Caller, service: Service) -> JobRequest:
    return JobRequest(
        task_id=easy_codes.next_id(caller, body.code, service.jobs),
        owner=caller.owner,
        audio=_find(body.audio_url, service.settings),
        video=_find(body.video_url, service.settings),
        save=easy_codes.result_path(caller, body.code, service.settings),
        options=RenderOptions(watermark=bool(body.watermark_switch), digital_auth=bool(body.digital_auth)),
        sent=body.model_dump(),
    )


def _find(text: str, settings: Settings) -> str:
    if not is_path(text) or is_absolute(text) or "\0" in text:
        return text
    # A backslash may be part of a name here. From Windows it separates folders.
    for path in (text, text.replace("\\", "/")):
        inner = Path(settings.easy_folder) / path
        for candidate in (inner, Path(path)):
            if _exists(settings.base_path / candidate):
                return str(candidate)
    return text


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name is too long
        return False
