"""The last steps of a job: sign the finished file, and move it from beside its place into its place, once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from digital_human.errors import JobCancelledError, ServiceError
from digital_human.files.atomic import disk_errors, sync
from digital_human.files.sandbox import by_descriptor, open_folder
from digital_human.jobs.models import JobSpec, job_folder, part_name
from digital_human.provenance import sign
from digital_human.settings import Settings
from digital_human.subtitles.kinds import FILES, subtitle_path


def sign_and_fingerprint(save: Path, task_id: str, settings: Settings) -> list[int]:
    """Sign the composed file if a key is configured. Returns its identity, by which `publish` knows it again."""
    with disk_errors(), open_folder(save.parent, settings.roots, "save_path") as folder:
        part = part_name(save, task_id)
        if settings.c2pa_certificate and settings.c2pa_private_key:
            sign(by_descriptor(folder, part), save.suffix, settings)
            sync(by_descriptor(folder, part))
        return _identity(folder, part)


def publish(
    save: Path,
    task_id: str,
    identity: list[int],
    settings: Settings,
    is_wanted: Callable[[], bool],
    beside: Path | None = None,
) -> None:
    """Move the file to its place, unless an attempt that died has already done so.

    beside:    a file of the same folder that goes before it, if there is one
    is_wanted: False once the job is cancelled. It is called before and after the move, so that a job that is cancelled
               at the last moment leaves no file either.
    """
    with disk_errors(), open_folder(save.parent, settings.roots, "save_path") as folder:
        part = part_name(save, task_id)
        if not is_wanted():
            raise JobCancelledError("job_cancelled")
        if beside is not None:
            with suppress(FileNotFoundError):
                os.rename(part_name(beside, task_id), beside.name, src_dir_fd=folder, dst_dir_fd=folder)
        try:
            os.rename(part, save.name, src_dir_fd=folder, dst_dir_fd=folder)
        except FileNotFoundError:
            if _identity(folder, save.name) != identity:
                raise ServiceError("result_vanished") from None
        os.fsync(folder)
        if not is_wanted():
            with suppress(FileNotFoundError):
                if _identity(folder, save.name) == identity:
                    os.unlink(save.name, dir_fd=folder)
            if beside is not None:
                with suppress(FileNotFoundError):
                    os.unlink(beside.name, dir_fd=folder)
            raise JobCancelledError("job_cancelled")


def discard_files(spec: JobSpec, task_id: str, settings: Settings) -> None:
    """Remove every temporary file of a job. Does no harm if there is none."""
    discard_partial(Path(spec.save), task_id, settings)
    shutil.rmtree(job_folder(settings, task_id), ignore_errors=True)


def discard_partial(save: Path, task_id: str, settings: Settings) -> None:
    """Remove the unfinished result, signed or not."""
    with suppress(OSError, ServiceError), open_folder(save.parent, settings.roots, "save_path") as folder:
        part = part_name(save, task_id)
        for name in (part, part + ".signed", *(part_name(subtitle_path(save, kind), task_id) for kind in FILES)):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


def _identity(folder: int, name: str) -> list[int]:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return [status.st_ino, status.st_size, status.st_mtime_ns]
