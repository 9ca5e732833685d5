"""Where a session is sent to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import httpx

from digital_human.errors import BadInputError
from digital_human.live.viewers import Viewer
from digital_human.net.safe_http import Address, check_url, resolve_host

Kind = Literal["rtmp", "whip"]
SCHEMES = ("rtmp", "rtmps", "http", "https")
FIELD, SETTING = "push.url", "LIVE_PUSH_HOSTS"
CONNECT_SECONDS = 15.0
"""In which a receiver must have agreed to take the session."""
PATIENCE = 10.0
"""Seconds in which a receiver must take something."""

OnSending = Callable[[Viewer], None]
"""Called when the session goes out, with what the receiver is sent."""


@dataclass(frozen=True)
class Receiver:
    """url, token: both may hold secrets; hosts: that the service may send to"""

    url: httpx.URL = field(repr=False)
    token: str | None = field(repr=False)
    hosts: Sequence[str] = field(repr=False)

    @property
    def kind(self) -> Kind:
        return "rtmp" if self.url.scheme.startswith("rtmp") else "whip"

    @property
    def place(self) -> str:
        """Its address as far as that is no secret."""
        return f"{self.url.scheme}://{self.url.netloc.decode('ascii')}"

    @property
    def application(self) -> tuple[str, str]:
        """Of RTMP: the application, and the stream's key. Raises BadInputError where there are none."""
        path, mark, query = self.url.raw_path.decode("ascii").partition("?")
        app, _, key = path.strip("/").rpartition("/")
        if not app or not key:
            raise BadInputError("live_push_url", field=FIELD)
        return app, key + mark + query

    async def address(self) -> Address:
        """Where to connect to. Raises BadInputError and ForbiddenError, see `net.safe_http.resolve_host`."""
        return await resolve_host(self.url, FIELD, self.hosts)


async def receiver_of(url: str, token: str | None, hosts: Sequence[str]) -> Receiver:
    """Raises BadInputError for an address that cannot be, and ForbiddenError for one that may not be sent to."""
    found = Receiver(check_url(url, FIELD, hosts, SETTING, SCHEMES), token, hosts)
    if found.kind == "rtmp":
        _ = found.application
    await found.address()
    return found
