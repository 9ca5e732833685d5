"""The one place where errors become HTTP."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from digital_human.errors import ServiceError, UnauthorizedError, UnavailableError
from digital_human.observability import metrics

log = logging.getLogger(__name__)


class ErrorResponse(BaseModel):
    """`code` equals the HTTP status."""

    code: int
    message: str
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
    429: "Too many jobs wait; `Retry-After` says when to try again",
    499: "The task was cancelled while the caller waited",
    500: "An error of the service itself",
    503: "Triton or the queue is not ready, or the service stops; `Retry-After` says when to try again",
    504: "The job took longer than it may",
    507: "The output, or what the service keeps for itself, could not be written",
}


def error_responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer besides success, for the OpenAPI document."""
    return {code: {"model": ErrorResponse, "description": _MEANINGS[code]} for code in (*codes, 500)}


def add_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(Exception, _unexpected)


def error_answer(error: ServiceError) -> JSONResponse:
    headers = {}
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(error.status, str(error), headers)


def _answer(code: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(ErrorResponse(code=code, message=message).model_dump(), code, headers)


async def _service_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    metrics.errors.labels("request", metrics.kind(error)).inc()
    return error_answer(error)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")) or "body"
    return _answer(400, f"{where}: {first['msg']}")


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _answer(error.status_code, str(error.detail), dict(error.headers or {}))


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    log.error("the queue's database cannot be used: %s", error)
    return await _service_error(request, UnavailableError("the queue's database cannot be used at the moment"))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected error", exc_info=error)
    metrics.errors.labels("request", metrics.kind(error)).inc()
    return _answer(500, "an error of the service itself; its log has the details")
