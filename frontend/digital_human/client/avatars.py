"""Avatars: templates that the service keeps by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .connection import POLL, AsyncConnection, ClientError, Connection, Deadline, data, named


@dataclass(frozen=True)
class Avatar:
    """state: studying, ready or failed; progress: of the study, 0-1; view: the whole JSON object"""

    name: str
    state: str
    progress: float
    view: dict[str, Any] = field(repr=False)

    @staticmethod
    def of(view: dict[str, Any]) -> Avatar:
        return Avatar(view["name"], view["state"], view["progress"], view)

    @property
    def warnings(self) -> list[str]:
        """Shortcomings of the template that its videos will show, in sentences."""
        return [one["message"] for one in self.view["warnings"]]

    def require_ready(self) -> Avatar:
        """Returns the avatar. Raises ClientError where it cannot be used."""
        if error := self.view.get("error"):
            raise ClientError.of(error)
        return self


Study = Callable[[Avatar], None]
"""Called with the avatar each time that it is polled while it is studied."""


class Avatars(Connection):
    def make_avatar(
        self,
        name: str,
        template: Path | str,
        *,
        consent_file: Path | str | None = None,
        progress: Study | None = None,
        timeout: float | None = None,
        **fields: Any,
    ) -> Avatar:
        """Send a template, have it kept by name, and wait until it has been studied.

        consent_file: with the person's consent
        fields:       further fields of `POST /avatars`, as voice="bf_emma", consent="Signed on 3 May"
        Raises ClientError where it cannot be used; nothing is kept then. TimeoutError after `timeout` seconds, while
        the service goes on.
        """
        if consent_file is not None:
            fields["consent_path"] = self.upload(consent_file)
        asked = {"name": name, "video_path": self.upload(template), **fields, "mode": "async"}
        avatar, deadline = Avatar.of(data(self._http.post("/avatars", json=asked))), Deadline(name, timeout)
        while avatar.state == "studying":
            deadline.require()
            time.sleep(POLL)
            avatar = self.avatar(name)
            if progress is not None:
                progress(avatar)
        if avatar.state == "failed":
            self.delete_avatar(name)
        return avatar.require_ready()

    def avatars(self) -> list[Avatar]:
        """The caller's avatars and the shared ones, by name."""
        return [Avatar.of(view) for view in data(self._http.get("/avatars"))["avatars"]]

    def avatar(self, name: str) -> Avatar:
        return Avatar.of(data(self._http.get(named("/avatars", name))))

    def delete_avatar(self, name: str) -> Avatar:
        """Remove it with its template and its consent. Videos made with it stay."""
        return Avatar.of(data(self._http.delete(named("/avatars", name))))


class AsyncAvatars(AsyncConnection):
    async def make_avatar(
        self,
        name: str,
        template: Path | str,
        *,
        consent_file: Path | str | None = None,
        progress: Study | None = None,
        timeout: float | None = None,
        **fields: Any,
    ) -> Avatar:
        """Send a template, have it kept by name, and wait until it has been studied.

        consent_file: with the person's consent
        fields:       further fields of `POST /avatars`, as voice="bf_emma", consent="Signed on 3 May"
        Raises ClientError where it cannot be used; nothing is kept then. TimeoutError after `timeout` seconds, while
        the service goes on.
        """
        if consent_file is not None:
            fields["consent_path"] = await self.upload(consent_file)
        asked = {"name": name, "video_path": await self.upload(template), **fields, "mode": "async"}
        avatar, deadline = Avatar.of(data(await self._http.post("/avatars", json=asked))), Deadline(name, timeout)
        while avatar.state == "studying":
            deadline.require()
            await asyncio.sleep(POLL)
            avatar = await self.avatar(name)
            if progress is not None:
                progress(avatar)
        if avatar.state == "failed":
            await self.delete_avatar(name)
        return avatar.require_ready()

    async def avatars(self) -> list[Avatar]:
        """The caller's avatars and the shared ones, by name."""
        return [Avatar.of(view) for view in data(await self._http.get("/avatars"))["avatars"]]

    async def avatar(self, name: str) -> Avatar:
        return Avatar.of(data(await self._http.get(named("/avatars", name))))

    async def delete_avatar(self, name: str) -> Avatar:
        """Remove it with its template and its consent. Videos made with it stay."""
        return Avatar.of(data(await self._http.delete(named("/avatars", name))))
