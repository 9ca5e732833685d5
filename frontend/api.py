"""The REST contract, and the one place where errors become HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from frontend import api_engines
from frontend.errors import ServiceError, Unavailable
from frontend.service import Service

log = logging.getLogger(__name__)


class GenerateRequest(BaseModel):
    audio_path: str = Field(description="Speech: any audio file, or a video's sound.", max_length=4096)
    video_path: str = Field(description="Template: a video or a picture of a person.", max_length=4096)
    save_path: str = Field(description="Where the video is to be written (.mp4, .mov, .m4v, .mkv).", max_length=4096)
    watermark: Literal[0, 1] = Field(0, description="1 lays the watermark picture over the lower right corner.")
    digital_auth: Literal[0, 1] = Field(0, description="1 lays the digital-human mark over the upper right corner.")
    engine: str = Field("", description="How to lip-sync; empty for the service's default.", max_length=64)


class Generated(BaseModel):
    save_path: str
    task_id: str


class GenerateResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: Generated


class ErrorResponse(BaseModel):
    """`code` equals the HTTP status."""

    code: int
    message: str
    data: None = None


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    service: str = "digital-human-service"


_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "A bad body, or media that cannot be used"},
    403: {"model": ErrorResponse, "description": "A path outside the allowed folders"},
    404: {"model": ErrorResponse, "description": "A missing input file"},
    409: {"model": ErrorResponse, "description": "The output would overwrite an input"},
    500: {"model": ErrorResponse, "description": "An error of the service itself"},
    503: {"model": ErrorResponse, "description": "Triton is not ready; `Retry-After` says when to try again"},
    507: {"model": ErrorResponse, "description": "The output could not be written"},
}


def _service(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


def create_app(service: Callable[[], AbstractContextManager[Service]]) -> FastAPI:
    """The application. `service` is entered at start and left at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        manager = service()
        app.state.service = await asyncio.to_thread(manager.__enter__)
        try:
            yield
        finally:
            await asyncio.to_thread(manager.__exit__, None, None, None)

    app = FastAPI(title="Digital human service", version="0.1.0", lifespan=lifespan)
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)

    app.include_router(api_engines.router, responses={status: _ERRORS[status] for status in (400, 403, 404, 503)})

    @app.get("/health")
    async def health() -> Health:
        """Answers at once, whatever the service is doing."""
        return Health()

    @app.get("/ready", responses={503: _ERRORS[503]})
    async def ready(service: Annotated[Service, Depends(_service)]) -> Health:
        """Whether a job would be taken now: for load balancers and for scripts that have just started the service."""
        service.require_triton()
        return Health()

    @app.post("/human/generate", responses=_ERRORS)
    async def generate(body: GenerateRequest, service: Annotated[Service, Depends(_service)]) -> GenerateResponse:
        """Make the person of the template say the speech; answers when the video lies at `save_path`."""
        job = await asyncio.to_thread(
            service.job,
            body.audio_path,
            body.video_path,
            body.save_path,
            watermark=bool(body.watermark),
            digital_auth=bool(body.digital_auth),
        )
        task_id, outcome, _ = await asyncio.to_thread(service.submit, job, body.engine)
        # A caller who hangs up still finds the video: shielded, the job goes on.
        await asyncio.shield(asyncio.wrap_future(outcome))
        return GenerateResponse(data=Generated(save_path=body.save_path, task_id=task_id))

    return app


def _answer(code: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(ErrorResponse(code=code, message=message).model_dump(), code, headers)


async def _service_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable) else None
    return _answer(error.status, str(error), headers)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    return _answer(400, f"{where}: {first['msg']}")


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _answer(error.status_code, str(error.detail), dict(error.headers or {}))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected error", exc_info=error)
    return _answer(500, "an error of the service itself; its log has the details")
