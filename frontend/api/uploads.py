"""POST /human/uploads: for callers that share no disk with the service."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from frontend.api.auth import CallerOf, ServiceOf, schemes
from frontend.api.errors import answers
from frontend.api.models import Uploaded, UploadResponse
from frontend.errors import TooLarge
from frontend.uploads import Receiver

router = APIRouter(tags=["uploads"], dependencies=schemes)

_FORM_OVERHEAD = 64 * 1024
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@router.post(
    "/human/uploads",
    status_code=201,
    responses=answers(400, 401, 413, 507),
    openapi_extra=_BODY,
)
async def upload(request: Request, service: ServiceOf, caller: CallerOf) -> UploadResponse:
    """Send one file, as the form's part `file`. The id that is returned is accepted where paths are, for a while."""
    settings = service.settings
    announced = request.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > settings.max_upload_bytes + _FORM_OVERHEAD:
        raise TooLarge(f"file: is larger than {settings.max_upload_bytes} bytes")
    with Receiver(request.headers.get("Content-Type", ""), caller.owner, settings) as receiver:
        async for block in request.stream():
            await asyncio.to_thread(receiver.write, block)
        received = await asyncio.to_thread(receiver.finish)
    return UploadResponse(data=Uploaded(id=received.id, bytes=received.bytes))
