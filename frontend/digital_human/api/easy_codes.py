"""The task behind a code of `/easy`.

A code may be used again once its task has ended, so one code stands for a series of tasks. The id of the first follows
from the owner and the code; those of the others share its beginning and count up its last group. So every process
finds the same ones, and no table is needed.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from contextlib import suppress
from pathlib import Path

from digital_human.api.auth import Caller
from digital_human.jobs.models import Task
from digital_human.jobs.queue import Jobs
from digital_human.settings import Settings

_CODES = uuid.UUID("0bd5f0c1-9df5-4f0d-8a7f-6f2a7f0f3f11")
_SHARED = len("00000000-0000-0000-0000-")
# Leaves room for the suffixes of the result and of its unfinished file in the 255 bytes that a name may have.
_MAX_NAME = 180
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")


def latest(caller: Caller, code: str, jobs: Jobs) -> Task | None:
    """The last task of the caller's code."""
    return jobs.latest(_first_id(caller, code)[:_SHARED])


def next_id(caller: Caller, code: str, jobs: Jobs) -> str:
    """The task that a new request stands for: the last one while it waits or runs, and then the next one."""
    task = latest(caller, code, jobs)
    if task is None:
        return _first_id(caller, code)
    if not task.has_ended:
        return task.id
    number = (int(task.id[_SHARED:], 16) + 1) % 2**48
    return f"{task.id[:_SHARED]}{number:012x}"


def result_path(caller: Caller, code: str, settings: Settings) -> str:
    """Where the result goes, relative to BASE_PATH: `<code>-r.mp4`, as clients expect that read it from the disk.

    A code that is no file name gets one that is.
    """
    name = code
    if _UNSAFE.search(code) or code.startswith(".") or len(code.encode()) > _MAX_NAME:
        digest = hashlib.sha256(code.encode()).hexdigest()[:8]
        name = f"{_UNSAFE.sub('_', code).lstrip('.')[:40]}-{digest}"
    return str(Path(settings.easy_folder) / caller.folder / f"{name}-r.mp4")


def mark_reported(task: Task, settings: Settings) -> None:
    """Record when the end of the task was first reported to the caller."""
    marker = _marker(task, settings)
    # Without a marker the code is only kept for longer.
    with suppress(OSError):
        marker.parent.mkdir(exist_ok=True)
        marker.touch(exist_ok=False)


def is_forgotten(task: Task, settings: Settings) -> bool:
    """Whether the end of the task was reported EASY_FORGET_SECONDS ago or earlier."""
    try:
        return _marker(task, settings).stat().st_mtime + settings.easy_forget_seconds <= time.time()
    except OSError:
        return False


def _marker(task: Task, settings: Settings) -> Path:
    return settings.state_path / "told" / task.id


def _first_id(caller: Caller, code: str) -> str:
    return str(uuid.uuid5(_CODES, f"{caller.owner}\n{code}"))
