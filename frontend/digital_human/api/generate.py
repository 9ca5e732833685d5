"""POST /human/generate: the contract of the service that this one replaces, and its asynchronous form."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from digital_human.api.auth import CallerDep, ServiceDep, schemes
from digital_human.api.blocking import submit_job
from digital_human.api.errors import error_responses
from digital_human.api.language import LanguageDep
from digital_human.api.models import AcceptedResponse, Generated, GenerateRequest, GenerateResponse, TaskView
from digital_human.errors import BadInputError, JobCancelledError
from digital_human.files.inputs import is_path
from digital_human.jobs.models import Task

router = APIRouter(tags=["generate"], dependencies=schemes)

# The id of a task with an Idempotency-Key follows from the key, so every process finds the same task.
_KEYED = uuid.UUID("6d1f0e63-6f0e-4a53-9df4-2c1a6c3f0f10")

_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {
        "model": AcceptedResponse,
        "description": "Queued (mode async)",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "The task"}},
    },
    **error_responses(400, 401, 403, 404, 409, 413, 422, 429, 499, 503, 504, 507),
}


@router.post("/human/generate", responses=_RESPONSES, response_model=GenerateResponse)
async def generate(
    body: GenerateRequest,
    service: ServiceDep,
    caller: CallerDep,
    language: LanguageDep,
    response: Response,
    prefer: Annotated[str | None, Header(description="`respond-async` is the same as mode async.")] = None,
    idempotency_key: Annotated[
        str | None, Header(max_length=256, description="The same key again gives the same task, not a second one.")
    ] = None,
) -> Any:
    """Make the person of the template say the speech; answers when the video is at `save_path`."""
    asynchronous = body.mode == "async" or "respond-async" in (prefer or "")
    body.spoken()
    shares_disk = is_path(body.template()) and (body.audio_path is None or is_path(body.audio_path))
    if body.save_path is None and not asynchronous and shares_disk:
        raise BadInputError("save_path_missing")
    keyed = idempotency_key is not None and idempotency_key.strip() != ""
    task_id = str(uuid.uuid5(_KEYED, f"{caller.owner}\n{idempotency_key}") if keyed else uuid.uuid4())
    task = await submit_job(service, body.job_request(task_id, caller.owner))
    if asynchronous:
        response.status_code = 202
        response.headers["Location"] = f"/human/tasks/{task.id}"
        return Response(
            AcceptedResponse(data=TaskView.of(task, language)).model_dump_json(),
            202,
            {"Location": f"/human/tasks/{task.id}"},
            "application/json",
        )
    # A caller who hangs up still finds the video: the job goes on.
    task = await service.jobs.wait(task.id)
    raise_failure(task)
    generated = Generated(save_path=body.save_path, task_id=task.id, warnings=task.warnings(language))
    return GenerateResponse(data=generated)


def raise_failure(task: Task) -> None:
    """Raises the error with which the task ended, if it has no result."""
    if task.state == "cancelled":
        raise JobCancelledError("task_cancelled")
    if task.failure is not None:
        raise task.failure
