"""The last step of a job: from a finished file beside its place to a file in its place, once."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from digital_human.errors import JobCancelledError, ServiceError
from digital_human.files.atomic import disk_errors, sync
from digital_human.files.sandbox import by_descriptor, open_folder
from digital_human.jobs.models import part_name
from digital_human.provenance import sign
from digital_human.settings import Settings


def seal(save: Path, task_id: str, settings: Settings) -> list[int]:
    """Sign the composed file where a key is configured. Returns what it is known by afterwards, wherever it lies."""
    with disk_errors(), open_folder(save.parent, settings.roots, "save_path") as folder:
        part = part_name(save, task_id)
        if settings.c2pa_certificate and settings.c2pa_private_key:
            sign(by_descriptor(folder, part), save.suffix, settings)
            sync(by_descriptor(folder, part))
        return _identity(folder, part)


def publish(save: Path, task_id: str, identity: list[int], settings: Settings, wanted: Callable[[], bool]) -> None:
    """Move the file to its place, unless an attempt that died has already done so.

    wanted: whether the job is still to be done; asked on both sides of the move, so that a job which is cancelled at
    the last moment leaves no file either
    """
    with disk_errors(), open_folder(save.parent, settings.roots, "save_path") as folder:
        part = part_name(save, task_id)
        if not wanted():
            raise JobCancelledError("the job was cancelled")
        try:
            os.rename(part, save.name, src_dir_fd=folder, dst_dir_fd=folder)
        except FileNotFoundError:
            if _identity(folder, save.name) != identity:
                raise ServiceError("the finished file has vanished before it was published") from None
        os.fsync(folder)
        if not wanted():
            with suppress(FileNotFoundError):
                if _identity(folder, save.name) == identity:
                    os.unlink(save.name, dir_fd=folder)
            raise JobCancelledError("the job was cancelled")


def unpublished(save: Path, task_id: str, settings: Settings) -> None:
    """Remove the unfinished result, whatever is left of it."""
    with suppress(OSError, ServiceError), open_folder(save.parent, settings.roots, "save_path") as folder:
        for name in (part_name(save, task_id), part_name(save, task_id) + ".signed"):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


def _identity(folder: int, name: str) -> list[int]:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return [status.st_ino, status.st_size, status.st_mtime_ns]
