"""Puts the application together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, asynccontextmanager

from fastapi import FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from digital_human.api import (
    avatars,
    batches,
    engines,
    faces,
    generate,
    health,
    heygem,
    live,
    live_push,
    live_socket,
    live_webrtc,
    livetalking,
    operator,
    page,
    tasks,
    uploads,
    voices,
)
from digital_human.api.auth import Keys
from digital_human.api.bodies import BodyLimit
from digital_human.api.errors import add_handlers
from digital_human.api.origins import OriginGuard
from digital_human.api.page import add_page
from digital_human.observability import metrics
from digital_human.observability.access_log import AccessLog
from digital_human.service import Service
from digital_human.settings import Settings
from digital_human.version import VERSION

TITLE = "Digital human service"


def create_app(settings: Settings, service: Callable[[], AbstractContextManager[Service]]) -> FastAPI:
    """The application. `service` is entered at start and left at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        manager = service()
        app.state.service = await asyncio.to_thread(manager.__enter__)
        try:
            yield
        finally:
            await asyncio.to_thread(manager.__exit__, None, None, None)

    app = FastAPI(title=TITLE, version=VERSION, lifespan=lifespan)
    app.state.keys = Keys.of(settings)
    app.state.settings = settings
    add_handlers(app)
    app.add_middleware(
        BodyLimit, limit=settings.max_json_bytes, keys=app.state.keys, is_permitted=live_webrtc.has_token
    )
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.allowed_origins, allow_methods=["*"], allow_headers=["*"]
        )
    if settings.is_loopback and not settings.api_keys:
        app.add_middleware(OriginGuard, hosts=settings.allowed_hosts, origins=settings.allowed_origins)
    app.add_middleware(AccessLog)
    app.add_api_route("/metrics", metrics.endpoint, include_in_schema=False, response_class=Response)
    media = (generate, faces, tasks, uploads, avatars, batches, engines, voices)
    for module in (health, *media, heygem, live, live_push, operator, page):
        app.include_router(module.router)
        _answer_head(app, module.router.routes)
    for router in (live_webrtc.router, livetalking.router, live_socket.router):
        app.include_router(router)
    add_page(app)
    _answer_head(app, app.routes)
    return app


def _answer_head(app: FastAPI, routes: Iterable[BaseRoute]) -> None:
    """HEAD works where GET does; the server leaves the body out. Not for streams, which go on as long as a task."""
    for route in list(routes):
        if isinstance(route, APIRoute) and route.methods == {"GET"} and route.response_class is not StreamingResponse:
            app.add_api_route(
                route.path,
                route.endpoint,
                methods=["HEAD"],
                include_in_schema=False,
                response_class=route.response_class,
                dependencies=route.dependencies,
            )
