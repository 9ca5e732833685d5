"""The answers of `/easy`: HeyGem's envelope and its codes.

HTTP is 200 whatever happens, and `code` says how it went: its clients take any other status for a broken connection.
"""

from __future__ import annotations

from typing import Any, Literal

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.types import Scope

from digital_human import messages
from digital_human.errors import ServiceError, TooLargeError, UnauthorizedError, UnavailableError
from digital_human.messages import Language

Code = Literal[9999, 10000, 10001, 10002, 10004]
SYSTEM_ERROR: Code = 9999
SUCCESS: Code = 10000
BUSY: Code = 10001
BAD_PARAMETER: Code = 10002
NO_SUCH_TASK: Code = 10004

# The callers' names of what the rest of the service calls otherwise.
_FIELDS = {"audio_path": "audio_url", "video_path": "video_url", "save_path": "code"}


class EasyResponse(BaseModel):
    """success: HeyGem's own, which is true for a busy service and an unknown task too"""

    code: Code
    success: bool
    msg: str
    data: dict[str, Any]


def is_easy(scope: Scope) -> bool:
    """Whether the request of this scope is one of `/easy`."""
    path: str = scope["path"]
    return path.startswith("/easy/")


def easy_text(text: str) -> str:
    """A message of this service with the fields as callers of `/easy` name them."""
    for ours, theirs in _FIELDS.items():
        text = text.replace(ours, theirs)
    return text


def no_such_task(language: Language) -> EasyResponse:
    return EasyResponse(code=NO_SUCH_TASK, success=True, msg=messages.text("task_not_found", {}, language), data={})


def error_answer(error: ServiceError, language: Language) -> JSONResponse:
    """HTTP 200, except if the request is refused before it is read: without its key, or too large."""
    status = error.status if isinstance(error, UnauthorizedError | TooLargeError) else 200
    code = BUSY if isinstance(error, UnavailableError) else BAD_PARAMETER if error.status < 500 else SYSTEM_ERROR
    body = EasyResponse(code=code, success=code == BUSY, msg=easy_text(error.text(language)), data={})
    return JSONResponse(body.model_dump(), status)


def validation_answer(error: RequestValidationError, language: Language) -> JSONResponse:
    """For a request that is not as the document says."""
    first = error.errors()[0]
    names = [part for part in first["loc"] if isinstance(part, str) and part not in ("body", "query")]
    if names and (first["type"] in ("missing", "string_too_short") or first.get("input") in (None, "")):
        text = messages.text("easy_field_missing", {"field": names[0]}, language)
    else:
        params = {"field": names[0] if names else "body", "reason": str(first["msg"])}
        text = messages.text("field_invalid", params, language)
    return JSONResponse(EasyResponse(code=BAD_PARAMETER, success=False, msg=text, data={}).model_dump())
