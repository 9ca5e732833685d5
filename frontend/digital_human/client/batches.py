"""Batches: many videos from one request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from .connection import POLL, AsyncConnection, Connection, Deadline, body, data, keyed

KINDS = {
    ".csv": "text/csv",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".json": "application/json",
}
_LINES = KINDS[".jsonl"]

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Batch:
    """state: open, ended or cancelled; progress: 0-1; counts: rows by state; view: the whole JSON object"""

    id: str
    state: str
    progress: float
    counts: dict[str, int]
    view: dict[str, Any] = field(repr=False)

    @staticmethod
    def of(view: dict[str, Any]) -> Batch:
        return Batch(view["batch_id"], view["state"], view["progress"], view["counts"], view)

    @property
    def failures(self) -> dict[int, str]:
        """Why rows failed, in sentences, by row; the first hundred of them."""
        return {failure["row"]: failure["error"]["message"] for failure in self.view["failures"]}


Watch = Callable[[Batch], None]
"""Called with the batch each time that it is polled."""


class Batches(Connection):
    def make_batch(
        self,
        rows: Rows | Path | str,
        *,
        name: str = "",
        save_path: str | None = None,
        defaults: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Request a video of each row.

        rows:      fields of `POST /human/generate` and a `name`, or a file of them: .csv, .jsonl or .json. A `Path` in
                   a row is a file of this machine, which is sent; a text is a path of the service, or an upload
        name:      what the batch is called
        save_path: where the service writes the videos, with `{row}` and `{name}`; None keeps them for `download_batch`
        defaults:  fields that hold for rows without them
        """
        sent: dict[Path, str] = {}
        for path in [] if isinstance(rows, Path | str) else _files(rows := list(rows)):
            sent[path] = self.upload(path)
        kind, content = _sheet(rows, sent)
        headers = {"Content-Type": kind, **keyed(idempotency_key)}
        params = _head(name, save_path, defaults)
        return Batch.of(data(self._http.post("/human/batches", content=content, headers=headers, params=params)))

    def batches(self, limit: int = 20) -> list[Batch]:
        """Newest first."""
        return [Batch.of(view) for view in data(self._http.get("/human/batches", params={"limit": limit}))["batches"]]

    def batch(self, batch_id: str) -> Batch:
        return Batch.of(data(self._http.get(f"/human/batches/{batch_id}")))

    def batch_rows(self, batch_id: str) -> list[dict[str, Any]]:
        """Every row: `row`, `name`, `state`, `task_id`, `save_path` and `error`."""
        return _lines(self._http.get(f"/human/batches/{batch_id}/rows"))

    def wait_for_batch(self, batch_id: str, progress: Watch | None = None, timeout: float | None = None) -> Batch:
        """The batch when no row of it is open any more; rows may have failed. TimeoutError after `timeout` seconds."""
        deadline = Deadline(f"batch {batch_id}", timeout)
        while True:
            batch = self.batch(batch_id)
            if progress is not None:
                progress(batch)
            if batch.state != "open":
                return batch
            deadline.require()
            time.sleep(POLL)

    def download_batch(self, batch_id: str, output: Path | str) -> Path:
        """Write the videos that are done, and `report.csv`, to one ZIP, complete or not at all."""
        self._save(f"/human/batches/{batch_id}/results", Path(output))
        return Path(output)

    def cancel_batch(self, batch_id: str) -> Batch:
        """Cancel the rows that are not done. Raises ClientError where it has ended."""
        return Batch.of(data(self._http.delete(f"/human/batches/{batch_id}")))

    def delete_batch(self, batch_id: str) -> Batch:
        """Remove it with its tasks and the results that the service keeps."""
        return Batch.of(data(self._http.delete(f"/human/batches/{batch_id}", params={"purge": True})))


class AsyncBatches(AsyncConnection):
    async def make_batch(
        self,
        rows: Rows | Path | str,
        *,
        name: str = "",
        save_path: str | None = None,
        defaults: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Request a video of each row.

        rows:      fields of `POST /human/generate` and a `name`, or a file of them: .csv, .jsonl or .json. A `Path` in
                   a row is a file of this machine, which is sent; a text is a path of the service, or an upload
        name:      what the batch is called
        save_path: where the service writes the videos, with `{row}` and `{name}`; None keeps them for `download_batch`
        defaults:  fields that hold for rows without them
        """
        sent: dict[Path, str] = {}
        for path in [] if isinstance(rows, Path | str) else _files(rows := list(rows)):
            sent[path] = await self.upload(path)
        kind, content = await asyncio.to_thread(_sheet, rows, sent)
        headers = {"Content-Type": kind, **keyed(idempotency_key)}
        params = _head(name, save_path, defaults)
        answer = await self._http.post("/human/batches", content=content, headers=headers, params=params)
        return Batch.of(data(answer))

    async def batches(self, limit: int = 20) -> list[Batch]:
        """Newest first."""
        answer = await self._http.get("/human/batches", params={"limit": limit})
        return [Batch.of(view) for view in data(answer)["batches"]]

    async def batch(self, batch_id: str) -> Batch:
        return Batch.of(data(await self._http.get(f"/human/batches/{batch_id}")))

    async def batch_rows(self, batch_id: str) -> list[dict[str, Any]]:
        """Every row: `row`, `name`, `state`, `task_id`, `save_path` and `error`."""
        return _lines(await self._http.get(f"/human/batches/{batch_id}/rows"))

    async def wait_for_batch(self, batch_id: str, progress: Watch | None = None, timeout: float | None = None) -> Batch:
        """The batch when no row of it is open any more; rows may have failed. TimeoutError after `timeout` seconds."""
        deadline = Deadline(f"batch {batch_id}", timeout)
        while True:
            batch = await self.batch(batch_id)
            if progress is not None:
                progress(batch)
            if batch.state != "open":
                return batch
            deadline.require()
            await asyncio.sleep(POLL)

    async def download_batch(self, batch_id: str, output: Path | str) -> Path:
        """Write the videos that are done, and `report.csv`, to one ZIP, complete or not at all."""
        await self._save(f"/human/batches/{batch_id}/results", Path(output))
        return Path(output)

    async def cancel_batch(self, batch_id: str) -> Batch:
        """Cancel the rows that are not done. Raises ClientError where it has ended."""
        return Batch.of(data(await self._http.delete(f"/human/batches/{batch_id}")))

    async def delete_batch(self, batch_id: str) -> Batch:
        """Remove it with its tasks and the results that the service keeps."""
        return Batch.of(data(await self._http.delete(f"/human/batches/{batch_id}", params={"purge": True})))


def _files(rows: Rows) -> list[Path]:
    """Files of this machine that rows name, each once."""
    return list(dict.fromkeys(value for row in rows for value in row.values() if isinstance(value, Path)))


def _sheet(rows: Rows | Path | str, sent: Mapping[Path, str]) -> tuple[str, bytes]:
    """The body of a batch, and its type."""
    if isinstance(rows, Path | str):
        kind = KINDS.get(Path(rows).suffix.lower())
        if kind is None:
            raise ValueError(f"{rows}: a file of rows ends in {', '.join(KINDS)}")
        return kind, Path(rows).read_bytes()
    lines = (
        json.dumps({field: sent[value] if isinstance(value, Path) else value for field, value in row.items()})
        for row in rows
    )
    return _LINES, "\n".join(lines).encode()


def _head(name: str, save_path: str | None, defaults: Mapping[str, Any] | None) -> dict[str, str]:
    head = {"name": name, "save_path": save_path or "", "defaults": json.dumps(dict(defaults)) if defaults else ""}
    return {field: value for field, value in head.items() if value}


def _lines(answer: httpx.Response) -> list[dict[str, Any]]:
    if answer.is_error:
        body(answer)
    return [json.loads(line) for line in answer.text.splitlines()]
