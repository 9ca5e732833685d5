"""POST /human/uploads: for callers that share no disk with the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect

from digital_human.api.auth import CallerDep, ServiceDep, schemes
from digital_human.api.errors import error_responses
from digital_human.api.models import Uploaded, UploadResponse
from digital_human.errors import ServiceError, TooLargeError
from digital_human.files.uploads import Receiver

router = APIRouter(tags=["uploads"], dependencies=schemes)

_FORM_OVERHEAD = 64 * 1024
_DRAINED = 64 * 2**20
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
    responses=error_responses(400, 401, 413, 507),
    openapi_extra=_BODY,
)
async def upload(request: Request, service: ServiceDep, caller: CallerDep) -> UploadResponse:
    """Send one file, as the form's part `file`. The id that is returned is accepted where paths are, for a while."""
    settings = service.settings
    announced = request.headers.get("Content-Length", "")
    stream = request.stream()
    try:
        if announced.isdecimal() and int(announced) > settings.max_upload_bytes + _FORM_OVERHEAD:
            raise TooLargeError("file_too_large", field="file", size=settings.max_upload_bytes)
        with Receiver(request.headers.get("Content-Type", ""), caller.owner, settings) as receiver:
            async for block in stream:
                await asyncio.to_thread(receiver.write, block)
            received = await asyncio.to_thread(receiver.finish)
    except ServiceError:
        if "Expect" not in request.headers:  # who asks first has not begun to send
            await _drain(stream)
        raise
    return UploadResponse(data=Uploaded(id=received.id, bytes=received.bytes, name=received.name))


async def _drain(stream: AsyncIterator[bytes]) -> None:
    """Take what the caller still sends, within reason: one who is cut off while sending never sees the answer."""
    left = _DRAINED
    with suppress(ClientDisconnect):
        async for block in stream:
            left -= len(block)
            if left < 0:
                return
