"""Downloads inputs that callers name by URL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from digital_human.errors import BadInputError, TooLargeError
from digital_human.files.atomic import OWN_FOLDER, disk_errors
from digital_human.net.bounded import DeadlineError, run_bounded
from digital_human.net.safe_http import stream
from digital_human.settings import Settings

_TIMEOUT = 10.0
"""Seconds of each single wait for the host."""


def is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def fetch(url: str, path: Path, field: str, settings: Settings, check: Callable[[], None]) -> None:
    """Download to `path`. `check` is called several times a second and raises to cancel.

    Raises ForbiddenError, BadInputError where the host does not give the file within `fetch_seconds`, and
    TooLargeError; nothing is left behind then.
    """
    part = path.with_name(path.name + ".part")
    try:
        with disk_errors(OWN_FOLDER):
            run_bounded(_download(url, part, field, settings), settings.fetch_seconds, check)
            part.replace(path)
    except DeadlineError as error:
        raise BadInputError("fetch_too_slow", field=field, seconds=settings.fetch_seconds) from error
    except httpx.HTTPError as error:
        raise BadInputError("fetch_failed", field=field, reason=type(error).__name__) from error
    finally:
        part.unlink(missing_ok=True)


async def _download(url: str, path: Path, field: str, settings: Settings) -> None:
    size = 0
    async with stream("GET", url, field, settings.url_hosts, "URL_HOSTS", _TIMEOUT) as response:
        if response.status_code != 200:
            raise BadInputError("fetch_refused", field=field, status=response.status_code)
        with path.open("wb") as file:
            async for block in response.aiter_bytes():
                size += len(block)
                if size > settings.max_upload_bytes:
                    raise TooLargeError("file_too_large", field=field, size=settings.max_upload_bytes)
                file.write(block)
