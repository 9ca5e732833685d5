"""Bodies of requests are bounded before anything reads them: by key, by size and by nesting."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digital_human.api.auth import Keys, key_of
from digital_human.api.errors import error_answer
from digital_human.api.origins import is_foreign
from digital_human.errors import BadInputError, ServiceError, TooLargeError

STREAMED = ("/human/uploads", "/human/batches")
"""Routes that read their body piece by piece and bound it themselves."""
ANY_TYPE = ("/human/generate", "/easy/submit", "/easy/cancel")
"""Routes that read JSON whatever the Content-Type says: callers of the service that this one replaces send none."""
MAX_DEPTH = 64
"""Levels of lists and objects in JSON."""

_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
_DRAIN_BYTES, _DRAIN_SECONDS = 64 * 2**20, 5.0
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


class BodyLimit:
    """ASGI middleware. Answers 401 before it reads a body, and 413 or 400 before anything parses it.

    limit:  bytes of a body
    keys:   checks the caller's key
    is_permitted: whether something other than a key permits a request, such as a token in its address
    """

    def __init__(
        self,
        app: ASGIApp,
        limit: int,
        keys: Keys,
        is_permitted: Callable[[Scope], bool] = lambda scope: False,
    ) -> None:
        self.app = app
        self._limit, self._keys, self._is_permitted = limit, keys, is_permitted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY or scope["path"] in STREAMED:
            await self.app(scope, receive, send)
            return
        headers, incoming = Headers(scope=scope), _Incoming(receive)
        try:
            if not self._is_permitted(scope):
                self._keys.caller(key_of(headers))
            body = await incoming.read(self._limit, headers)
            require_shallow(body)
        except ServiceError as error:
            if "expect" not in headers:  # a caller that asks first has not begun to send
                await incoming.drain()
            await error_answer(error, scope)(scope, receive, send)
            return
        if scope["path"] in ANY_TYPE and not is_foreign(headers):
            scope = {**scope, "headers": _as_json(scope["headers"])}
        await self.app(scope, _replay(body, receive), send)


class _Incoming:
    """The body of one request while it arrives."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def read(self, limit: int, headers: Headers) -> bytes:
        """The whole body. Raises TooLargeError above `limit` bytes."""
        error = TooLargeError("body_too_large", size=limit)
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > limit:
            raise error
        body = bytearray()
        while not self._ended:
            body += await self._next()
            if len(body) > limit:
                raise error
        return bytes(body)

    async def drain(self) -> None:
        """Take what still comes, within reason: a caller that is cut off while sending never sees the answer."""

        async def rest() -> None:
            left = _DRAIN_BYTES
            while left > 0 and not self._ended:
                left -= len(await self._next())

        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(rest(), _DRAIN_SECONDS)

    async def _next(self) -> bytes:
        message = await self._receive()
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return bytes(message.get("body", b""))


def require_shallow(body: bytes) -> None:
    """Raises BadInputError for JSON nested deeper than MAX_DEPTH: parsers answer that with a RecursionError."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BadInputError("body_too_deep", most=MAX_DEPTH)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands the body out once, and then what still comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _as_json(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    others = [(name, value) for name, value in headers if name != b"content-type"]
    return [*others, (b"content-type", b"application/json")]
