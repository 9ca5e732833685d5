"""Removes what nobody needs any more: old uploads and results, folders of jobs that are over, records of old tasks."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from dbos import DBOS

from frontend.jobs.watch import statuses
from frontend.settings import Settings

log = logging.getLogger(__name__)

INTERVAL = 600.0
_ABANDONED = 600.0
_RECORDS_KEPT = timedelta(days=30)
_RECORDS_AT_A_TIME = 500


def start(settings: Settings, stop: threading.Event) -> threading.Thread:
    """Tidy now and every ten minutes, in a thread that ends with `stop`."""

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
    state = settings.state_path
    for folder in ("uploads", "results", "reports"):
        for path in _older(state / folder, settings.keep_seconds):
            path.unlink(missing_ok=True)
    # Half-stored analyses of processes that were killed.
    for path in _older(state / "templates", _ABANDONED):
        if path.name.startswith("."):
            shutil.rmtree(path, ignore_errors=True)
    folders = {path.name: path for path in _older(state / "jobs", _ABANDONED)}
    if folders:
        open_tasks = {s.workflow_id for s in statuses(list(folders)) if s.status in ("ENQUEUED", "PENDING")}
        for task_id in folders.keys() - open_tasks:
            shutil.rmtree(folders[task_id], ignore_errors=True)
    before = (datetime.now(timezone.utc) - _RECORDS_KEPT).isoformat()
    old = DBOS.list_workflows(completed_before=before, limit=_RECORDS_AT_A_TIME, load_input=False, load_output=False)
    if old:
        DBOS.delete_workflows([status.workflow_id for status in old])


def _older(folder: Path, seconds: float) -> list[Path]:
    """Entries of a folder, which need not exist, that have not changed for so long."""
    limit = time.time() - seconds
    try:
        return [path for path in folder.iterdir() if path.stat().st_mtime < limit]
    except FileNotFoundError:
        return []
