"""The one place where errors become HTTP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from digital_human.api import easy_envelope
from digital_human.api.language import language_of
from digital_human.errors import BadInputError, ServiceError, UnauthorizedError, UnavailableError
from digital_human.observability import metrics

log = logging.getLogger(__name__)


class ErrorResponse(BaseModel):
    """`code` equals the HTTP status."""

    code: int
    error: str = Field(description="The message's name, the same in every language.")
    message: str = Field(description="In English, or in Chinese if `Accept-Language` prefers it.")
    data: None = None


_MEANINGS = {
    400: "A bad request, or media that cannot be used",
    401: "No API key, or a wrong one",
    403: "A path or host outside what is allowed, or a call for operators",
    404: "A missing input file, upload or task",
    409: "The output would overwrite an input, or the task has ended, or has no result yet",
    413: "Larger than allowed",
    416: "A range outside the file",
    422: "The `Idempotency-Key` came with another request before",
    429: "Too many jobs wait, or too many live sessions run; `Retry-After` says when to try again",
    499: "The task was cancelled while the caller waited",
    500: "An error of the service itself",
    503: "Triton or the queue is not ready, or the service stops; `Retry-After` says when to try again",
    504: "The job took longer than it may",
    507: "The output, or what the service keeps for itself, could not be written",
}


def error_responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with, for the OpenAPI document."""
    return {code: {"model": ErrorResponse, "description": _MEANINGS[code]} for code in (*codes, 500)}


def add_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(Exception, _unexpected)


def error_answer(error: ServiceError, scope: Scope) -> JSONResponse:
    """The answer to the request of this scope."""
    if easy_envelope.is_easy(scope):
        return easy_envelope.error_answer(error, language_of(scope))
    headers = {}
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(error.status, error, scope, headers)


def _answer(status: int, error: ServiceError, scope: Scope, headers: Mapping[str, str] | None = None) -> JSONResponse:
    language = language_of(scope)
    body = ErrorResponse(code=status, error=error.name, message=error.text(language))
    spoken = {"Content-Language": language, "Vary": "Accept-Language"}
    return JSONResponse(body.model_dump(), status, {**(headers or {}), **spoken})


async def _service_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    metrics.errors.labels("request", metrics.kind(error)).inc()
    return error_answer(error, request.scope)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if easy_envelope.is_easy(request.scope):
        return easy_envelope.validation_answer(error, language_of(request.scope))
    return _answer(400, invalid_field(error.errors()[0]), request.scope)


def invalid_field(problem: Mapping[str, Any]) -> BadInputError:
    """problem: one of `errors()` of Pydantic's ValidationError"""
    where = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path", "header")) or "body"
    if problem["type"] == "missing":
        return BadInputError("field_missing", field=where)
    return BadInputError("field_invalid", field=where, reason=problem["msg"])


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and easy_envelope.is_easy(request.scope):
        return error_answer(BadInputError("http_error", detail=str(error.detail)), request.scope)
    match error.status_code:
        case 404:
            worded = ServiceError("route_not_found")
        case 405:
            worded = ServiceError("method_not_allowed")
        case 416:
            worded = ServiceError("range_outside_file")
        case _:
            worded = ServiceError("http_error", detail=str(error.detail))
    return _answer(error.status_code, worded, request.scope, error.headers)


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    log.error("the queue's database cannot be used: %s", error)
    return await _service_error(request, UnavailableError("database_unusable"))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected error", exc_info=error)
    metrics.errors.labels("request", metrics.kind(error)).inc()
    return error_answer(ServiceError("internal_error"), request.scope)
