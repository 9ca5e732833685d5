"""Videos: one request is one task of the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .connection import POLL, AsyncConnection, ClientError, Connection, Deadline, data, keyed

# As `core.states.ENDED`: this package stands alone.
ENDED = ("succeeded", "failed", "cancelled")

Progress = Callable[["Task"], None]


@dataclass(frozen=True)
class Task:
    """state: queued, running, succeeded, failed or cancelled; progress: 0-1; view: the whole JSON object"""

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
        """Returns the task. Raises ClientError where it failed or was cancelled."""
        if self.state == "cancelled":
            raise ClientError(499, "task_cancelled", "task_cancelled")
        if error := self.view.get("error"):
            raise ClientError.of(error)
        return self


class Tasks(Connection):
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
        return Task.of(data(self._http.post("/human/generate", json=body, headers=keyed(idempotency_key))))

    def task(self, task_id: str) -> Task:
        return Task.of(data(self._http.get(f"/human/tasks/{task_id}")))

    def tasks(self, limit: int = 50, offset: int = 0, state: str | None = None) -> list[Task]:
        """Newest first."""
        answer = self._http.get("/human/tasks", params=_page(limit, offset, state))
        return [Task.of(view) for view in data(answer)["tasks"]]

    def wait(self, task_id: str, progress: Progress | None = None, timeout: float | None = None) -> Task:
        """The task when it has succeeded. Raises ClientError where it fails, TimeoutError after `timeout` seconds."""
        deadline = Deadline(f"task {task_id}", timeout)
        while True:
            task = self.task(task_id)
            if progress is not None:
                progress(task)
            if task.has_ended:
                return task.require_success()
            deadline.require()
            time.sleep(POLL)

    def cancel(self, task_id: str) -> Task:
        return Task.of(data(self._http.delete(f"/human/tasks/{task_id}")))

    def download(self, task_id: str, output: Path | str) -> Path:
        """Write the result to a file, complete or not at all."""
        self._save(f"/human/tasks/{task_id}/result", Path(output))
        return Path(output)


class AsyncTasks(AsyncConnection):
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
        return Task.of(data(await self._http.post("/human/generate", json=body, headers=keyed(idempotency_key))))

    async def task(self, task_id: str) -> Task:
        return Task.of(data(await self._http.get(f"/human/tasks/{task_id}")))

    async def tasks(self, limit: int = 50, offset: int = 0, state: str | None = None) -> list[Task]:
        """Newest first."""
        answer = await self._http.get("/human/tasks", params=_page(limit, offset, state))
        return [Task.of(view) for view in data(answer)["tasks"]]

    async def wait(self, task_id: str, progress: Progress | None = None, timeout: float | None = None) -> Task:
        """The task when it has succeeded. Raises ClientError where it fails, TimeoutError after `timeout` seconds."""
        deadline = Deadline(f"task {task_id}", timeout)
        while True:
            task = await self.task(task_id)
            if progress is not None:
                progress(task)
            if task.has_ended:
                return task.require_success()
            deadline.require()
            await asyncio.sleep(POLL)

    async def cancel(self, task_id: str) -> Task:
        return Task.of(data(await self._http.delete(f"/human/tasks/{task_id}")))

    async def download(self, task_id: str, output: Path | str) -> Path:
        """Write the result to a file, complete or not at all."""
        await self._save(f"/human/tasks/{task_id}/result", Path(output))
        return Path(output)


def _page(limit: int, offset: int, state: str | None) -> dict[str, str | int]:
    return {"limit": limit, "offset": offset, **({"state": state} if state else {})}
