"""`digital-human batch`: every row of a file becomes a video. Started again, it goes on where it was."""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from digital_human.api.auth import ANONYMOUS
from digital_human.api.batches import keep_sheet
from digital_human.errors import BadInputError, NotFoundError
from digital_human.files import batches
from digital_human.files.batch_rows import SUFFIXES, Row
from digital_human.files.batches import Batch, KeptBatch
from digital_human.files.host_paths import is_absolute
from digital_human.files.inputs import is_path
from digital_human.jobs import batches as jobs_batches
from digital_human.service import Service, running
from digital_human.settings import Settings

INTERVAL = 0.5
_PATHS = ("audio_path", "video_path", "save_path")


def run(file: Path, output: str, settings: Settings) -> int:
    """Make the videos of a file's rows. Returns the exit status: 1 where a row failed.

    output: where results go, with `{row}` and `{name}`
    The rows are jobs of this BASE_PATH, which no other service may be using. Paths in them start at the file's folder.
    """
    kind = SUFFIXES.get(file.suffix.lower())
    if kind is None:
        raise BadInputError("output_type_unknown", field=file.name, suffixes=", ".join(sorted(SUFFIXES)))
    if not file.is_file():
        raise NotFoundError("file_not_found", field=str(file))
    # The person at the keyboard may read and write whatever their account may.
    settings = settings.model_copy(update={"allowed_roots": (Path("/"),)})
    digest = hashlib.sha256(f"{file.absolute()}\n{output}\n".encode() + file.read_bytes()).hexdigest()
    batch = Batch(batches.new_id(ANONYMOUS, digest), ANONYMOUS, "", time.time(), 0, digest)
    console = Console(stderr=True)
    with running(settings) as service:
        try:
            kept = batches.find(batch.id, ANONYMOUS, settings)
        except NotFoundError:
            head = {"name": file.stem, "save_path": str(Path(output).absolute()), "defaults": {}}
            kept = keep_sheet(file, kind, head, replace(batch, created=time.time()), settings, _from(file.parent))
        else:
            console.print(f"{file}: going on behind row {kept.cursor} of {kept.batch.rows}")
        found = _follow(kept, service, console)
        report = file.with_name(f"{file.name}.report.csv")
        _write_report(kept, found, report)
    failed = found.count("failed")
    console.print(f"{found.count('succeeded')} of {kept.batch.rows} made, {failed} failed: {report}")
    return 1 if failed else 0


def _from(folder: Path) -> Callable[[Row], Row]:
    """Rows whose relative paths start at a folder."""

    def adapt(row: Row) -> Row:
        if not isinstance(row, Mapping):
            return row
        found: dict[str, Any] = dict(row)
        for field in _PATHS:
            value = found.get(field)
            if isinstance(value, str) and value and is_path(value) and not is_absolute(value):
                found[field] = str((folder / value).absolute())
        return found

    return adapt


def _follow(kept: KeptBatch, service: Service, console: Console) -> jobs_batches.Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task("rows", total=kept.batch.rows)
        while True:
            ended = kept.has_ended
            found = jobs_batches.progress(kept)
            bar.update(shown, completed=found.count("succeeded") + found.count("failed") + found.count("cancelled"))
            if ended:
                return found
            time.sleep(INTERVAL)


def _write_report(kept: KeptBatch, found: jobs_batches.Progress, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["row", "name", "state", "save_path", "error"])
        for row, record in kept.rows():
            error = found.failures.get(row)
            save = record.get("job", {}).get("save") or ""
            lines.writerow([row, record["name"], found.states[row - 1], save, "" if error is None else str(error)])
