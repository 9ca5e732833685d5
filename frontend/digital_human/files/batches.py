"""Batches on the disk, each a folder of its owner's.

    batches/<owner>/<id>/
        batch.json      what holds for the batch as a whole, never changed
        rows.jsonl      one row a line, never changed
        cursor          how many rows have been admitted to the queue, or refused
        refused.jsonl   the rows that no job could be made of, and why
        cancelled       there once its owner wants no more of it
        ended           there once all is done

The folder is renamed into its place when it is whole. Each row has a task id that follows from the batch's, so a row
that is admitted again after a crash is the same task.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from digital_human.errors import ConflictError, NotFoundError, ServiceError, error_from_record
from digital_human.files.atomic import OWN_FOLDER, atomic_write, disk_errors, sync
from digital_human.settings import Settings

MAX_ROWS = 0xFFFFFF
_DIGITS = 6
"""The last hexadecimal digits of a task's id are the row, the others those of the batch."""


@dataclass(frozen=True)
class Batch:
    """What holds for a batch as a whole. digest: of what was sent; created: seconds since 1970"""

    id: str
    owner: str
    name: str
    created: float
    rows: int
    digest: str


@dataclass(frozen=True)
class KeptBatch:
    batch: Batch
    folder: Path

    @property
    def prefix(self) -> str:
        """Which the ids of its tasks begin with."""
        return self.batch.id[:-_DIGITS]

    def task_id(self, row: int) -> str:
        """row: from 1 on"""
        return f"{self.prefix}{row:0{_DIGITS}x}"

    @property
    def cursor(self) -> int:
        """Rows up to this one have been admitted or refused."""
        try:
            return int((self.folder / "cursor").read_text())
        except (OSError, ValueError):
            return 0

    @property
    def is_cancelled(self) -> bool:
        return (self.folder / "cancelled").exists()

    @property
    def has_ended(self) -> bool:
        return (self.folder / "ended").exists()

    def rows(self, start: int = 0) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The rows after number `start`, as (number, what `keep` was given)."""
        with (self.folder / "rows.jsonl").open() as file:
            for row, line in enumerate(file, 1):
                if row > start:
                    yield row, json.loads(line)

    def refused(self) -> dict[int, ServiceError]:
        """By row."""
        found = {}
        with suppress(FileNotFoundError), (self.folder / "refused.jsonl").open() as file:
            for line in file:
                with suppress(ValueError):  # cut off by a crash; it is written again
                    record = json.loads(line)
                    found[record["row"]] = error_from_record(record["class"], record["message"], record["data"])
        return found

    def advance(self, row: int) -> None:
        if self.folder.exists():
            with atomic_write(self.folder / "cursor") as part:
                part.write_text(str(row))

    def refuse(self, row: int, error: ServiceError) -> None:
        record = {"row": row, "class": type(error).__name__, "message": str(error), "data": error.data}
        with disk_errors(OWN_FOLDER), (self.folder / "refused.jsonl").open("a") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def mark(self, what: str) -> None:
        """what: `cancelled` or `ended`"""
        with disk_errors(OWN_FOLDER):
            (self.folder / what).touch()

    def remove(self) -> None:
        with disk_errors(OWN_FOLDER):
            (self.folder / "batch.json").unlink(missing_ok=True)
            shutil.rmtree(self.folder)


def prefix_of(task_id: str) -> str:
    """What the ids of a batch's tasks begin with, if the task is one of a batch's."""
    return task_id[:-_DIGITS]


def row_of(task_id: str) -> int:
    """The row, of a batch's task."""
    return int(task_id[-_DIGITS:], 16)


def new_id(owner: str, key: str | None) -> str:
    """Of a batch; the same again for the same key of the same owner."""
    made = uuid.uuid4() if key is None else uuid.uuid5(_KEYED, f"{owner}\n{key}")
    return str(made)[:-_DIGITS] + "0" * _DIGITS


_KEYED = uuid.UUID("c7c0a3de-2f0c-4ce3-9f43-9b0b5b6ab0aa")


def batches_folder(settings: Settings) -> Path:
    return settings.state_path / "batches"


def keep(batch: Batch, rows: Iterable[Mapping[str, Any]], settings: Settings) -> KeptBatch:
    """Keep a batch. batch.rows is counted here.

    Raises ConflictError where the owner has MAX_BATCHES, what the rows raise, and OutputError.
    """
    folder = batches_folder(settings) / batch.owner / batch.id
    if len(_names(folder.parent)) >= settings.max_batches:
        raise ConflictError("batches_full", most=settings.max_batches)
    part = batches_folder(settings) / f".{uuid.uuid4().hex}"
    with disk_errors(OWN_FOLDER):
        part.mkdir(parents=True)
        try:
            count = 0
            with (part / "rows.jsonl").open("w") as file:
                for count, row in enumerate(rows, 1):  # noqa: B007
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
            (part / "batch.json").write_text(json.dumps({**asdict(batch), "rows": count}, ensure_ascii=False))
            sync(part / "rows.jsonl")
            folder.parent.mkdir(exist_ok=True)
            os.rename(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return find(batch.id, batch.owner, settings)


def find(batch_id: str, owner: str | None, settings: Settings) -> KeptBatch:
    """owner: None sees every batch. Raises NotFoundError."""
    root = batches_folder(settings)
    if batch_id.replace("-", "").isalnum():
        for whose in _names(root) if owner is None else [owner]:
            if (kept := _read(root / whose / batch_id)) is not None:
                return kept
    raise NotFoundError("batch_not_found")


def every(settings: Settings, owner: str | None = None) -> list[KeptBatch]:
    """The owner's batches, or all of them; the newest first."""
    root = batches_folder(settings)
    owners = _names(root) if owner is None else [owner]
    found = [_read(root / whose / name) for whose in owners for name in _names(root / whose)]
    return sorted((kept for kept in found if kept is not None), key=lambda kept: -kept.batch.created)


def open_batches(settings: Settings) -> list[KeptBatch]:
    """Those that have not ended, the oldest first. Looks into no other."""
    root = batches_folder(settings)
    folders = [root / whose / name for whose in _names(root) for name in _names(root / whose)]
    found = [_read(folder) for folder in folders if not (folder / "ended").exists()]
    return sorted((kept for kept in found if kept is not None), key=lambda kept: kept.batch.created)


def _read(folder: Path) -> KeptBatch | None:
    try:
        record = json.loads((folder / "batch.json").read_text())
    except (OSError, ValueError):
        return None
    return KeptBatch(Batch(**{one.name: record[one.name] for one in fields(Batch)}), folder)


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
