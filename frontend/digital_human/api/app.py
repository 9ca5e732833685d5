"""Puts the application together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager

from fastapi import FastAPI, Response

from digital_human.api import engines, generate, health, heygem, operator, tasks, uploads
from digital_human.api.auth import Keys
from digital_human.api.errors import add_handlers
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
    app.add_middleware(AccessLog)
    app.add_api_route("/metrics", metrics.endpoint, include_in_schema=False, response_class=Response)
    for module in (health, generate, tasks, uploads, engines, heygem, operator):
        app.include_router(module.router)
    add_page(app)
    return app
