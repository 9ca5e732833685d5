"""Every request is counted, timed and logged, without holding up what is streamed."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digital_human.observability import metrics

log = logging.getLogger(__name__)

# A caller may send any word as a method, and a label must not grow by it.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Asked every few seconds by machines; of interest only to those who look for them.
_QUIET = {"/health", "/ready", "/metrics"}


class AccessLog:
    """ASGI middleware. A route is counted by its pattern, never by the path that was asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        code = 500

        async def watched(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self.app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - start
            route = _route(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            metrics.requests.labels(method, route, str(code)).inc()
            metrics.request_duration.labels(method, route).observe(seconds)
            log.log(
                logging.DEBUG if scope["path"] in _QUIET else logging.INFO,
                "%s %s",
                scope["method"],
                scope["path"],
                extra={"code": code, "seconds": round(seconds, 4)},
            )


def _route(scope: Mapping[str, Any]) -> str:
    return str(getattr(scope.get("route"), "path", "unmatched"))
