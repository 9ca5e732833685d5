"""Keeps foreign web pages away from a service without keys: their requests come from the user's own browser.

A page that the user has open elsewhere may send what browsers call simple requests to any address, this machine's
included, and reads the answers where it can make its own name resolve to this machine (DNS rebinding). Keys stop both.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from digital_human.api.errors import error_answer
from digital_human.errors import ForbiddenError

_SAFE = ("GET", "HEAD", "OPTIONS")


class OriginGuard:
    """ASGI middleware for a service that only this machine reaches and that asks for no key.

    hosts:   further names of this service, as in the Host header without a port
    origins: pages that may send requests, as `https://example.org`
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> None:
        self.app = app
        self._hosts = {host.lower() for host in hosts}
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers, error = Headers(scope=scope), None
        host = _hostname(headers.get("host", ""))
        if not (is_local(host) or host in self._hosts):
            error = ForbiddenError("host_not_ours", host=host or "none")
        elif scope.get("method") not in _SAFE and is_foreign(headers, self._origins):
            error = ForbiddenError("origin_not_allowed")
        if error is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": str(error)})
        else:
            await error_answer(error, scope)(scope, receive, send)


def is_foreign(headers: Headers, allowed: Sequence[str] = ()) -> bool:
    """Whether a web page sent the request that this service did not serve."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") in ("cross-site", "same-site")
    return origin not in allowed and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def is_local(host: str) -> bool:
    """Whether a host name means this machine on every resolver."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
