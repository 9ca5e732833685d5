"""What every call of the client needs: HTTP, the envelope around the service's answers, and files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

POLL = 0.5
"""Seconds between two polls of a task, a batch or an avatar."""
BLOCK = 2**18

Self = TypeVar("Self", bound="Connection")
AsyncSelf = TypeVar("AsyncSelf", bound="AsyncConnection")


class ClientError(Exception):
    """The service refused, or the job failed.

    code:  the HTTP status that it answered with, or would have
    error: the message's name, such as `file_not_found`; None if the answer came from elsewhere, such as a proxy
    """

    def __init__(self, code: int, message: str, error: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.error = error

    @staticmethod
    def of(failure: Mapping[str, Any]) -> ClientError:
        """From the `error` of a task, an avatar or a row."""
        return ClientError(failure["code"], failure["message"], failure.get("error"))


class Connection:
    def __init__(
        self, url: str, api_key: str | None = None, *, timeout: float = 60, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(base_url=url, headers=_headers(api_key), timeout=timeout, transport=transport)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def upload(self, path: Path | str) -> str:
        """Send a file. Returns an id that is accepted wherever a path is."""
        with Path(path).open("rb") as file:
            answer = self._http.post("/human/uploads", files={"file": (Path(path).name, file)})
        return str(data(answer)["id"])

    def _save(self, url: str, output: Path) -> None:
        """Write the answer's body to a file, complete or not at all."""
        with self._http.stream("GET", url) as answer:
            if answer.is_error:
                answer.read()
                data(answer)
            with written(output) as write:
                for block in answer.iter_bytes(BLOCK):
                    write(block)


class AsyncConnection:
    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout: float = 60,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers=_headers(api_key), timeout=timeout, transport=transport)

    async def __aenter__(self: AsyncSelf) -> AsyncSelf:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def upload(self, path: Path | str) -> str:
        """Send a file. Returns an id that is accepted wherever a path is."""
        boundary = f"digital-human-{time.monotonic_ns():x}"
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        answer = await self._http.post("/human/uploads", content=_form(Path(path), boundary), headers=headers)
        return str(data(answer)["id"])

    async def _save(self, url: str, output: Path) -> None:
        """Write the answer's body to a file, complete or not at all."""
        async with self._http.stream("GET", url) as answer:
            if answer.is_error:
                await answer.aread()
                data(answer)
            with written(output) as write:
                async for block in answer.aiter_bytes(BLOCK):
                    await asyncio.to_thread(write, block)


def data(answer: httpx.Response) -> dict[str, Any]:
    """The `data` of the envelope. Raises ClientError for anything but success."""
    found: dict[str, Any] = body(answer)["data"]
    return found


def body(answer: httpx.Response) -> dict[str, Any]:
    """The whole answer, JSON. Raises ClientError for anything but success."""
    try:
        found: dict[str, Any] = answer.json()
    except ValueError:
        found = {}
    if answer.is_error:
        raise ClientError(answer.status_code, found.get("message") or answer.reason_phrase, found.get("error"))
    return found


def keyed(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def named(path: str, name: str) -> str:
    """A path of the service with a name in it."""
    return f"{path}/{quote(name, safe='')}"


class Deadline:
    """The end of a wait. what: waited for, in the error's message; seconds: None waits without limit"""

    def __init__(self, what: str, seconds: float | None) -> None:
        self._what, self._seconds = what, seconds
        self._end = time.monotonic() + (seconds if seconds is not None else float("inf"))

    def require(self) -> None:
        """Raises TimeoutError once it is over."""
        if time.monotonic() > self._end:
            raise TimeoutError(f"{self._what} has not ended after {self._seconds:g} s")


@contextmanager
def written(path: Path) -> Iterator[Callable[[bytes], int]]:
    """A function that writes to a temporary file, which replaces `path` when the block ends normally."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file.write
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _headers(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


async def _form(path: Path, boundary: str) -> AsyncIterator[bytes]:
    """A multipart body with one file, read piece by piece: httpx itself takes only bytes for asynchronous forms."""
    name = path.name.replace('"', "%22").replace("\r", "").replace("\n", "")
    yield f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
    yield f"\r\n--{boundary}--\r\n".encode()
