"""The service as the node needs it: send files, order a video, wait, fetch it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

POLL = 0.5


class Service:
    """url: of the service; api_key: where it asks for one. A context manager"""

    def __init__(self, url: str, api_key: str | None) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def upload(self, name: str, content: Any) -> str:
        """Send a file: bytes, or a file that is open. What is returned goes where a path goes."""
        return str(self._asked("POST", "/human/uploads", files={"file": (name, content)})["id"])

    def order(self, body: dict[str, Any]) -> str:
        """Queue a video; the id of its task."""
        return str(self._asked("POST", "/human/generate", json={**body, "mode": "async"})["task_id"])

    def wait(self, task: str, progress: Callable[[float], None]) -> list[str]:
        """Until the video is made; what may be wrong with it, in sentences.

        progress: called with the share that is done. Where it raises, the task is cancelled: nobody waits any more
        """
        while True:
            view = self._asked("GET", f"/human/tasks/{task}")
            try:
                progress(view["progress"])
            except BaseException:
                self._http.delete(f"/human/tasks/{task}")
                raise
            if view["state"] == "succeeded":
                return list(view.get("warnings") or ())
            if view["state"] in ("failed", "cancelled"):
                raise RuntimeError((view.get("error") or {}).get("message") or "the task was cancelled")
            time.sleep(POLL)

    def fetch(self, task: str, path: Path) -> None:
        """Write the video to a file, complete or not at all."""
        part = path.with_name(f".{path.name}.part")
        try:
            with self._http.stream("GET", f"/human/tasks/{task}/result") as answer, part.open("wb") as file:
                if answer.is_error:
                    raise RuntimeError(_message(answer.status_code, answer.read()))
                for block in answer.iter_bytes(2**18):
                    file.write(block)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _asked(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, **body)
        except httpx.TransportError as error:
            raise RuntimeError(f"no service answers at {self._http.base_url}: {error}") from error
        if answer.is_error:
            raise RuntimeError(_message(answer.status_code, answer.content))
        data: dict[str, Any] = answer.json()["data"]
        return data


def _message(status: int, content: bytes) -> str:
    """The words of a refusal."""
    try:
        return str(httpx.Response(status, content=content).json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"the service answered {status}"
