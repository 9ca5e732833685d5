"""Removes old uploads and results, the folders of jobs that have ended, and the records of old tasks."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from dbos import DBOS

from digital_human.errors import NotFoundError
from digital_human.files import batches
from digital_human.files.uploads import is_upload, last_use, remove_upload, upload_path
from digital_human.jobs.models import JobSpec
from digital_human.jobs.publish import discard_files
from digital_human.jobs.records import GENERATE, GIVEN_UP, OPEN_STATUSES
from digital_human.settings import Settings

log = logging.getLogger(__name__)

INTERVAL = 600.0
_ABANDONED = 600.0
_RECORDS_KEPT = timedelta(days=30)
_REPORTED_KEPT = 2 * _RECORDS_KEPT
"""Of `/easy` tasks whose end was reported: longer than their records, so that no code comes back."""
_RECORDS_AT_A_TIME = 500


def start(settings: Settings, stop: threading.Event) -> threading.Thread:
    """Call `tidy` now and every ten minutes, in a thread that ends with `stop`."""

    def run() -> None:
        while True:
            try:
                tidy(settings)
            except Exception as error:
                log.warning("housekeeping failed: %s", error)
            if stop.wait(INTERVAL):
                return

    thread = threading.Thread(target=run, name="housekeeping", daemon=True)
    thread.start()
    return thread


def tidy(settings: Settings) -> None:
    """Remove everything that is too old, but nothing that a queued or running task needs."""
    state = settings.state_path
    open_tasks = {
        status.workflow_id: JobSpec.from_record(status.input["args"][0])
        for status in DBOS.list_workflows(name=GENERATE, status=list(OPEN_STATUSES), load_output=False)
        if status.input is not None
    }
    inputs = ((spec.audio, spec.video, spec.options.background) for spec in open_tasks.values())
    needed = {Path(path) for paths in inputs for path in paths if path}
    needed |= _of_open_batches(settings)
    going = {kept.prefix for kept in batches.open_batches(settings)}
    for path in _older(state / "uploads", settings.keep_seconds):
        if path not in needed and _unused(path, settings):
            remove_upload(path, settings)
    for folder in ("results", "reports"):
        for path in _older(state / folder, settings.keep_seconds):
            if path not in needed and batches.prefix_of(path.stem) not in going:
                path.unlink(missing_ok=True)
    # Half-stored analyses, avatars and batches of processes that were killed.
    for folder in ("templates", "avatars", "batches"):
        for path in _older(state / folder, _ABANDONED):
            if path.name.startswith(".") and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix == ".body":
                path.unlink(missing_ok=True)
    # Recordings that a live session was to say, whose process ended before it decoded them.
    for path in _older(state / "live", _ABANDONED):
        path.unlink(missing_ok=True)
    for path in _older(state / "told", _REPORTED_KEPT.total_seconds()):
        path.unlink(missing_ok=True)
    for path in _older(state / "jobs", _ABANDONED):
        if path.name not in open_tasks:
            shutil.rmtree(path, ignore_errors=True)
    # Jobs that were given up ended without cleaning up.
    for status in DBOS.list_workflows(name=GENERATE, status=GIVEN_UP, load_output=False):
        if status.input is not None:
            discard_files(JobSpec.from_record(status.input["args"][0]), status.workflow_id, settings)
    for kept in batches.every(settings):
        with suppress(FileNotFoundError):
            if (kept.folder / "ended").stat().st_mtime < time.time() - _RECORDS_KEPT.total_seconds():
                kept.remove()
    before = (datetime.now(timezone.utc) - _RECORDS_KEPT).isoformat()
    old = DBOS.list_workflows(completed_before=before, limit=_RECORDS_AT_A_TIME, load_input=False, load_output=False)
    if old:
        DBOS.delete_workflows([status.workflow_id for status in old])


def _of_open_batches(settings: Settings) -> set[Path]:
    """The uploads that rows need which are not in the queue yet."""
    found = set()
    for kept in batches.open_batches(settings):
        for _, record in kept.rows(kept.cursor):
            job = record.get("job", {})
            for text in (job.get("audio"), job.get("video"), job.get("options", {}).get("background")):
                if text and is_upload(text):
                    with suppress(NotFoundError):
                        found.add(upload_path(text, "", kept.batch.owner, settings))
    return found


def _unused(upload: Path, settings: Settings) -> bool:
    try:
        return last_use(upload, settings) < time.time() - settings.keep_seconds
    except OSError:
        return False


def _older(folder: Path, seconds: float) -> Iterator[Path]:
    """Entries of a folder that have not changed for `seconds`. The folder need not exist."""
    limit = time.time() - seconds
    for path in folder.iterdir() if folder.exists() else ():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < limit:
                yield path
