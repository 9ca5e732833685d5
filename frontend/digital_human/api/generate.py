"""POST /human/generate: the contract of the service that this one replaces, and its asynchronous form."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from digital_human.api.auth import Caller, CallerOf, ServiceOf, schemes
from digital_human.api.blocking import hand_in
from digital_human.api.errors import answers
from digital_human.api.models import AcceptedResponse, Generated, GenerateRequest, GenerateResponse, TaskView
from digital_human.errors import BadInputError, JobCancelledError, error_from_name
from digital_human.files.downloads import is_url
from digital_human.files.uploads import is_upload
from digital_human.jobs.models import Task
from digital_human.jobs.validation import make_spec
from digital_human.observability import tracing
from digital_human.service import Service

router = APIRouter(tags=["generate"], dependencies=schemes)

# Ids of tasks with an Idempotency-Key follow from the key, so that every process comes to the same one.
_KEYED = uuid.UUID("6d1f0e63-6f0e-4a53-9df4-2c1a6c3f0f10")

_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {
        "model": AcceptedResponse,
        "description": "Queued (mode async)",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "The task"}},
    },
    **answers(400, 401, 403, 404, 409, 413, 422, 429, 499, 503, 504, 507),
}


@router.post("/human/generate", responses=_ANSWERS, response_model=GenerateResponse)
async def generate(
    body: GenerateRequest,
    service: ServiceOf,
    caller: CallerOf,
    response: Response,
    prefer: Annotated[str | None, Header(description="`respond-async` is the same as mode async.")] = None,
    idempotency_key: Annotated[
        str | None, Header(max_length=256, description="The same key again gives the same task, not a second one.")
    ] = None,
) -> Any:
    """Make the person of the template say the speech; answers when the video lies at `save_path`."""
    asynchronous = body.mode == "async" or "respond-async" in (prefer or "")
    if body.save_path is None and not (asynchronous or _is_remote(body.audio_path) or _is_remote(body.video_path)):
        raise BadInputError("save_path: is missing")
    if not asynchronous:
        service.require_triton()
    task = await hand_in(service.jobs, _submit, service, caller, body, idempotency_key)
    if asynchronous:
        response.status_code = 202
        response.headers["Location"] = f"/human/tasks/{task.id}"
        return Response(
            AcceptedResponse(data=TaskView.of(task)).model_dump_json(),
            202,
            {"Location": f"/human/tasks/{task.id}"},
            "application/json",
        )
    # A caller who hangs up still finds the video: the job goes on.
    raise_failure(await service.jobs.wait(task.id))
    return GenerateResponse(data=Generated(save_path=body.save_path, task_id=task.id))


def raise_failure(task: Task) -> None:
    """Raises what made the task end without a result."""
    if task.state == "cancelled":
        raise JobCancelledError("the task was cancelled")
    if task.failure is not None:
        raise error_from_name(task.failure.name, task.failure.message)


def _submit(service: Service, caller: Caller, body: GenerateRequest, key: str | None) -> Task:
    keyed = key is not None and key.strip() != ""
    task_id = str(uuid.uuid5(_KEYED, f"{caller.owner}\n{key}") if keyed else uuid.uuid4())
    # Fields that came later are left out at their default: an Idempotency-Key of before still fits its request.
    fields = GenerateRequest.model_fields
    later = {name for name in ("mouth_strength", "loop") if getattr(body, name) == fields[name].default}
    request = body.model_dump(exclude={"mode"} | later)
    if keyed and (known := service.jobs.known(task_id, request)) is not None:
        return known
    spec = make_spec(
        body.audio_path,
        body.video_path,
        body.save_path,
        task_id=task_id,
        owner=caller.owner,
        settings=service.settings,
        request=request,
        watermark=bool(body.watermark),
        digital_auth=bool(body.digital_auth),
        engine=body.engine,
        timeout=body.timeout,
        callback_url=body.callback_url,
        mouth_strength=body.mouth_strength,
        loop=body.loop,
    )
    service.require_engine(spec.engine)
    with tracing.job(task_id, "submit"):
        return service.jobs.submit(spec, caller.owner, body.priority, task_id)


def _is_remote(text: str) -> bool:
    return is_upload(text) or is_url(text)
