"""A path, an upload id, an avatar or a URL becomes one resolved input, here for every caller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from digital_human.files.avatars import is_avatar, template_of
from digital_human.files.downloads import is_url
from digital_human.files.sandbox import Allowed, input_path
from digital_human.files.uploads import is_upload, upload_path
from digital_human.net.safe_http import check_url
from digital_human.settings import Settings


@dataclass(frozen=True)
class FileInput:
    """A file of the caller's below an allowed folder, or one that they uploaded. path: absolute, links resolved."""

    path: Path

    @property
    def location(self) -> str:
        """As a job records it."""
        return str(self.path)


@dataclass(frozen=True)
class UrlInput:
    """An http(s) URL on an allowed host, which the job fetches when it begins."""

    url: str

    @property
    def location(self) -> str:
        """As a job records it."""
        return self.url


Input = FileInput | UrlInput


def is_path(text: str) -> bool:
    """Whether a caller's text names a path, rather than an upload, an avatar or a URL."""
    return not (is_upload(text) or is_avatar(text) or is_url(text))


def resolve_input(text: str, field: str, owner: str, settings: Settings) -> Input:
    """Check and resolve what a caller named.

    text:  a path, the id of an upload of `owner`, `avatar:` and a name, or an http(s) URL, which is not connected to
    field: name in error messages
    Raises BadInputError, ForbiddenError, and NotFoundError for a missing file, upload or avatar.
    """
    if is_avatar(text):
        return FileInput(template_of(text, field, owner, settings))
    if is_upload(text):
        return FileInput(upload_path(text, field, owner, settings))
    if is_url(text):
        check_url(text, field, settings.url_hosts, "URL_HOSTS")
        return UrlInput(text)
    return FileInput(input_path(text, field, allowed_paths(settings)))


def allowed_paths(settings: Settings) -> Allowed:
    """The folders that callers of the service may read and write."""
    return Allowed(settings.base_path, settings.caller_roots, settings.state_path, settings.path_mappings)
