"""Inputs that the caller named by URL."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from digital_human.errors import BadInputError, TooLargeError
from digital_human.files.atomic import OWN_FOLDER, disk_errors
from digital_human.net.safe_http import stream
from digital_human.settings import Settings

_CONNECT_TIMEOUT = 10.0


def is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def fetch(url: str, path: Path, field: str, settings: Settings, check: Callable[[], None]) -> None:
    """Download to `path`. `check` is called between blocks and raises to break off.

    Raises ForbiddenError, BadInputError where the host does not give the file, and TooLargeError; nothing is left
    behind then.
    """
    deadline, size = time.monotonic() + settings.fetch_seconds, 0
    part = path.with_name(path.name + ".part")
    try:
        with (
            disk_errors(OWN_FOLDER),
            stream("GET", url, field, settings.url_hosts, "URL_HOSTS", _CONNECT_TIMEOUT) as response,
            part.open("wb") as file,
        ):
            if response.status_code != 200:
                raise BadInputError(f"{field}: the host answers {response.status_code}")
            for block in response.iter_bytes(2**16):
                check()
                size += len(block)
                if size > settings.max_upload_bytes:
                    raise TooLargeError(f"{field}: is larger than {settings.max_upload_bytes} bytes")
                if time.monotonic() > deadline:
                    raise BadInputError(f"{field}: fetching it took longer than {settings.fetch_seconds:g} s")
                file.write(block)
        with disk_errors(OWN_FOLDER):
            part.replace(path)
    except httpx.HTTPError as error:
        raise BadInputError(f"{field}: cannot be fetched ({type(error).__name__})") from error
    finally:
        part.unlink(missing_ok=True)
