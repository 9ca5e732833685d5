"""Counts, times and logs every request, without buffering the response."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digital_human.observability import metrics

log = logging.getLogger(__name__)

# Callers may send any method, but the label must stay bounded.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Machines poll these every few seconds; logged at DEBUG only.
_QUIET = {"/health", "/ready", "/metrics"}


class AccessLog:
    """ASGI middleware. Requests are counted by the pattern of their route, not by their path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        code = 500

        async def send_and_note(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self.app(scope, receive, send_and_note)
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
