"""/easy/submit and /easy/query: what clients of HeyGem and Duix call, so that they need not change.

The envelope and its codes are those of HeyGem: HTTP is always 200, and `code` says how it went. Relative inputs are
looked up in `EASY_FOLDER` below `BASE_PATH`, and then in `BASE_PATH`. The result is `<code>-r.mp4` in EASY_FOLDER.
"""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from digital_human import messages
from digital_human.api.auth import Caller, CallerDep, ServiceDep, schemes
from digital_human.api.blocking import run_blocking, submit_job
from digital_human.api.errors import error_responses
from digital_human.api.language import LanguageDep
from digital_human.errors import KeyReusedError, NotFoundError, QueueFullError, ServiceError
from digital_human.files.inputs import is_path
from digital_human.jobs.models import JobRequest, Task
from digital_human.messages import Language
from digital_human.pipeline.options import RenderOptions
from digital_human.settings import Settings

router = APIRouter(prefix="/easy", tags=["HeyGem / Duix"], dependencies=schemes)

_CODES = uuid.UUID("0bd5f0c1-9df5-4f0d-8a7f-6f2a7f0f3f11")
Code = Literal[10000, 10001, 10002, 10003, 10004]
_DONE: Code = 10000
_BUSY: Code = 10001
_BAD: Code = 10002
_TROUBLE: Code = 10003
_UNKNOWN: Code = 10004
_STATUS = {"queued": 1, "running": 1, "succeeded": 2, "failed": 3, "cancelled": 3}


class EasyRequest(BaseModel):
    model_config = ConfigDict(extra="allow")

    code: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128, description="The caller's own id.")
    audio_url: str = Field(max_length=4096)
    video_url: str = Field(max_length=4096)
    watermark_switch: Literal[0, 1] = 0
    digital_auth: Literal[0, 1] = 0
    chaofen: int | None = Field(None, description="Has no meaning here; reported as ignored.")
    pn: int | None = Field(None, description="Has no meaning here; reported as ignored.")


class EasyResponse(BaseModel):
    code: Code
    success: bool
    msg: str
    data: dict[str, Any]


@router.post("/submit", responses=error_responses(400, 401, 503))
async def submit(body: EasyRequest, service: ServiceDep, caller: CallerDep, language: LanguageDep) -> EasyResponse:
    """Queue a job under the caller's own code. The same request again is the same job."""
    try:
        request = await asyncio.to_thread(_job_request, body, caller, service.settings)
        await submit_job(service, request)
    except QueueFullError as error:
        return _failed(_BUSY, error.text(language))
    except KeyReusedError:
        return _failed(_BAD, messages.text("code_reused", {"code": body.code}, language))
    except ServiceError as error:
        # They know the fields by other names.
        message = error.text(language).replace("audio_path", "audio_url").replace("video_path", "video_url")
        return _failed(_BAD if error.status < 500 else _TROUBLE, message)
    ignored = sorted({"chaofen", "pn"} & body.model_fields_set | set(body.model_extra or {}))
    return EasyResponse(code=_DONE, success=True, msg="success", data={"ignored": ignored} if ignored else {})


@router.get("/query", responses=error_responses(400, 401, 503))
async def query(
    code: Annotated[str, Query(max_length=128)], service: ServiceDep, caller: CallerDep, language: LanguageDep
) -> EasyResponse:
    """How the job of this code does: status 1 waits or runs, 2 done, 3 failed."""
    try:
        task = await run_blocking(service.jobs.get, _task_id(caller, code), caller.sees)
    except NotFoundError as error:
        return _failed(_UNKNOWN, error.text(language))
    return EasyResponse(code=_DONE, success=True, msg="", data=_described(task, code, language))


def _described(task: Task, code: str, language: Language) -> dict[str, Any]:
    made = task.result or {}
    message = {"queued": "waiting", "running": task.stage or "started", "succeeded": "done", "cancelled": "cancelled"}
    data: dict[str, Any] = {
        "code": code,
        "status": _STATUS[task.state],
        "progress": round(task.progress * 100),
        "result": f"/{result_name(code)}" if task.state == "succeeded" else "",
        "msg": task.failure.text(language) if task.failure else message[task.state],
    }
    if task.state == "succeeded":
        cost = round((task.ended or 0.0) - (task.started or 0.0), 2)
        data |= {"cost": cost, "video_duration": made["duration"], "width": made["width"], "height": made["height"]}
    return data


def result_name(code: str) -> str:
    return f"{code}-r.mp4"


def _job_request(body: EasyRequest, caller: Caller, settings: Settings) -> JobRequest:
    return JobRequest(
        task_id=_task_id(caller, body.code),
        owner=caller.owner,
        audio=_place(body.audio_url, settings),
        video=_place(body.video_url, settings),
        save=str(Path(settings.easy_folder) / result_name(body.code)),
        options=RenderOptions(watermark=bool(body.watermark_switch), digital_auth=bool(body.digital_auth)),
        sent=body.model_dump(),
    )


def _place(text: str, settings: Settings) -> str:
    if not is_path(text) or text.startswith("/") or "\0" in text:
        return text
    inner = Path(settings.easy_folder) / text
    return str(inner) if (settings.base_path / inner).exists() else text


def _task_id(caller: Caller, code: str) -> str:
    return str(uuid.uuid5(_CODES, f"{caller.owner}\n{code}"))


def _failed(code: Code, message: str) -> EasyResponse:
    return EasyResponse(code=code, success=False, msg=message, data={})
