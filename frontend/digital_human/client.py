"""A client of the service, for programs: one class to wait with, one to await with, the same methods on both.

    with Client("http://127.0.0.1:8308") as client:
        client.generate("template.mp4", "speech.wav", "result.mp4")

`generate` takes files of this machine, sends them, waits and fetches the result; no disk need be shared. The steps are
there one by one: `upload`, `submit`, `task`, `wait`, `cancel`, `download`; `speech` speaks a text. Whatever the service
refuses is a `ClientError` with its code and message; a connection that fails is an `httpx.TransportError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

# As `core.states.ENDED`: this module stands alone, for it is also a package of its own.
ENDED = ("succeeded", "failed", "cancelled")
_POLL = 0.5

Progress = Callable[["Task"], None]


class ClientError(Exception):
    """The service refused, or the job failed.

    code:  the HTTP status that it answered with, or would have
    error: the message's name, such as `file_not_found`; None if the answer came from elsewhere, such as a proxy
    """

    def __init__(self, code: int, message: str, error: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.error = error


@dataclass(frozen=True)
class Task:
    """state: queued, running, succeeded, failed or cancelled; progress: 0-1; view: all that the service tells of it"""

    id: str
    state: str
    progress: float
    view: dict[str, Any] = field(repr=False)

    @staticmethod
    def of(view: dict[str, Any]) -> Task:
        return Task(view["task_id"], view["state"], view["progress"], view)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def warnings(self) -> list[str]:
        """What may be wrong with the video, in sentences."""
        return list(self.view.get("warnings", ()))

    def require_success(self) -> Task:
        """Itself. Raises ClientError where it ended otherwise."""
        if self.state == "cancelled":
            raise ClientError(499, "task_cancelled", "task_cancelled")
        if error := self.view.get("error"):
            raise ClientError(error["code"], error["message"], error.get("error"))
        return self


class Client:
    """url: of the service; api_key: where it asks for one; transport: for tests"""

    def __init__(
        self, url: str, api_key: str | None = None, *, timeout: float = 60, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(base_url=url, headers=_headers(api_key), timeout=timeout, transport=transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def generate(
        self,
        template: Path | str | None,
        speech: Path | str | None,
        output: Path | str,
        progress: Progress | None = None,
        **options: Any,
    ) -> Task:
        """Send two files, wait, and fetch the video. template: None where an option names an `avatar`

        speech:  None with a text, as text="Good morning.", voice="bf_emma"
        options: further fields of `POST /human/generate`, as mouth_strength=1.2, loop="repeat", digital_auth=1
        """
        video, audio = (None if file is None else self.upload(file) for file in (template, speech))
        task = self.submit(video, audio, **options)
        task = self.wait(task.id, progress)
        self.download(task.id, output)
        return task

    def upload(self, path: Path | str) -> str:
        """Send a file; what is returned is accepted where a path is."""
        with Path(path).open("rb") as file:
            answer = self._http.post("/human/uploads", files={"file": (Path(path).name, file)})
        return str(_data(answer)["id"])

    def submit(
        self,
        video_path: str | None,
        audio_path: str | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> Task:
        """Queue a job. The paths are those of the service, or what `upload` returned.

        An `avatar` goes without a video, a `text` without a sound.
        """
        body = {"video_path": video_path, "audio_path": audio_path, "mode": "async", **options}
        return Task.of(_data(self._http.post("/human/generate", json=body, headers=_keyed(idempotency_key))))

    def speech(self, text: str, voice: str = "", *, speed: float = 1.0, response_format: str = "mp3") -> bytes:
        """A text as sound, in a file's bytes. voice: as `GET /voices` has it; '' for one that fits the text"""
        body = {"input": text, "voice": voice, "speed": speed, "response_format": response_format}
        answer = self._http.post("/v1/audio/speech", json=body)
        if answer.is_error:
            _data(answer)
        return answer.content

    def task(self, task_id: str) -> Task:
        return Task.of(_data(self._http.get(f"/human/tasks/{task_id}")))

    def tasks(self, limit: int = 50, offset: int = 0, state: str | None = None) -> list[Task]:
        """Newest first."""
        answer = self._http.get("/human/tasks", params=_page(limit, offset, state))
        return [Task.of(view) for view in _data(answer)["tasks"]]

    def wait(self, task_id: str, progress: Progress | None = None, timeout: float | None = None) -> Task:
        """The task when it has succeeded. Raises ClientError where it fails, TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while True:
            task = self.task(task_id)
            if progress is not None:
                progress(task)
            if task.has_ended:
                return task.require_success()
            if time.monotonic() > deadline:
                raise TimeoutError(f"task {task_id} has not ended after {timeout:g} s")
            time.sleep(_POLL)

    def cancel(self, task_id: str) -> Task:
        return Task.of(_data(self._http.delete(f"/human/tasks/{task_id}")))

    def download(self, task_id: str, output: Path | str) -> Path:
        """Write the result to a file, complete or not at all."""
        with self._http.stream("GET", f"/human/tasks/{task_id}/result") as answer:
            if answer.is_error:
                answer.read()
                _data(answer)
            with _written(Path(output)) as write:
                for block in answer.iter_bytes(2**18):
                    write(block)
        return Path(output)


class AsyncClient:
    """As `Client`, every method a coroutine."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout: float = 60,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers=_headers(api_key), timeout=timeout, transport=transport)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def generate(
        self,
        template: Path | str | None,
        speech: Path | str | None,
        output: Path | str,
        progress: Progress | None = None,
        **options: Any,
    ) -> Task:
        """Send two files, wait, and fetch the video. template: None where an option names an `avatar`

        speech:  None with a text, as text="Good morning.", voice="bf_emma"
        options: further fields of `POST /human/generate`, as mouth_strength=1.2, loop="repeat", digital_auth=1
        """
        video, audio = await asyncio.gather(self._upload(template), self._upload(speech))
        task = await self.submit(video, audio, **options)
        task = await self.wait(task.id, progress)
        await self.download(task.id, output)
        return task

    async def _upload(self, path: Path | str | None) -> str | None:
        return None if path is None else await self.upload(path)

    async def upload(self, path: Path | str) -> str:
        """Send a file; what is returned is accepted where a path is."""
        boundary = f"digital-human-{time.monotonic_ns():x}"
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        answer = await self._http.post("/human/uploads", content=_form(Path(path), boundary), headers=headers)
        return str(_data(answer)["id"])

    async def submit(
        self,
        video_path: str | None,
        audio_path: str | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> Task:
        """Queue a job. The paths are those of the service, or what `upload` returned.

        An `avatar` goes without a video, a `text` without a sound.
        """
        body = {"video_path": video_path, "audio_path": audio_path, "mode": "async", **options}
        return Task.of(_data(await self._http.post("/human/generate", json=body, headers=_keyed(idempotency_key))))

    async def speech(self, text: str, voice: str = "", *, speed: float = 1.0, response_format: str = "mp3") -> bytes:
        """A text as sound, in a file's bytes. voice: as `GET /voices` has it; '' for one that fits the text"""
        body = {"input": text, "voice": voice, "speed": speed, "response_format": response_format}
        answer = await self._http.post("/v1/audio/speech", json=body)
        if answer.is_error:
            _data(answer)
        return answer.content

    async def task(self, task_id: str) -> Task:
        return Task.of(_data(await self._http.get(f"/human/tasks/{task_id}")))

    async def tasks(self, limit: int = 50, offset: int = 0, state: str | None = None) -> list[Task]:
        """Newest first."""
        answer = await self._http.get("/human/tasks", params=_page(limit, offset, state))
        return [Task.of(view) for view in _data(answer)["tasks"]]

    async def wait(self, task_id: str, progress: Progress | None = None, timeout: float | None = None) -> Task:
        """The task when it has succeeded. Raises ClientError where it fails, TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while True:
            task = await self.task(task_id)
            if progress is not None:
                progress(task)
            if task.has_ended:
                return task.require_success()
            if time.monotonic() > deadline:
                raise TimeoutError(f"task {task_id} has not ended after {timeout:g} s")
            await asyncio.sleep(_POLL)

    async def cancel(self, task_id: str) -> Task:
        return Task.of(_data(await self._http.delete(f"/human/tasks/{task_id}")))

    async def download(self, task_id: str, output: Path | str) -> Path:
        """Write the result to a file, complete or not at all."""
        async with self._http.stream("GET", f"/human/tasks/{task_id}/result") as answer:
            if answer.is_error:
                await answer.aread()
                _data(answer)
            with _written(Path(output)) as write:
                async for block in answer.aiter_bytes(2**18):
                    await asyncio.to_thread(write, block)
        return Path(output)


def _headers(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def _keyed(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def _page(limit: int, offset: int, state: str | None) -> dict[str, str | int]:
    return {"limit": limit, "offset": offset, **({"state": state} if state else {})}


def _data(answer: httpx.Response) -> dict[str, Any]:
    """What is in the envelope. Raises ClientError for anything but success."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if answer.is_error:
        raise ClientError(answer.status_code, body.get("message") or answer.reason_phrase, body.get("error"))
    data: dict[str, Any] = body["data"]
    return data


async def _form(path: Path, boundary: str) -> AsyncIterator[bytes]:
    """A multipart body with one file, read piece by piece: httpx itself takes only bytes for asynchronous forms."""
    name = path.name.replace('"', "%22").replace("\r", "").replace("\n", "")
    yield f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, 2**18):
            yield block
    yield f"\r\n--{boundary}--\r\n".encode()


@contextmanager
def _written(path: Path) -> Iterator[Callable[[bytes], int]]:
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file.write
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
