"""`digital-human batch`: every row of a file becomes a video. Started again, it makes what is missing."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from digital_human.api.auth import ANONYMOUS
from digital_human.api.batch_requests import keep_sheet, text_fields
from digital_human.commands.batch_report import Line, digest_of, made_before, read_report, write_report
from digital_human.errors import BadInputError, ConflictError, NotFoundError
from digital_human.files import batches
from digital_human.files.batch_rows import SUFFIXES, Kind, Made, Row, read_sheet
from digital_human.files.batches import Batch, KeptBatch
from digital_human.files.host_paths import is_absolute
from digital_human.files.inputs import is_path
from digital_human.jobs import batches as jobs_batches
from digital_human.pipeline.backdrop import is_colour
from digital_human.service import Service, running
from digital_human.settings import Settings

INTERVAL = 0.5
_REPORT_INTERVAL = 5.0
_PATHS = ("audio_path", "video_path", "save_path", "background")


def run(file: Path, output: str, settings: Settings) -> int:
    """Make the videos of a file's rows. Returns the exit status: 1 where a row failed.

    output: where results go, with `{row}` and `{name}`
    The rows are jobs of this BASE_PATH, which no other service may be using. Paths in them start at the file's folder.
    Rows that the report says were made, and whose video is there, are left alone.
    """
    kind = SUFFIXES.get(file.suffix.lower())
    if kind is None:
        raise BadInputError("output_type_unknown", field=file.name, suffixes=", ".join(sorted(SUFFIXES)))
    if not file.is_file():
        raise NotFoundError("file_not_found", field=str(file))
    # The person at the keyboard may read and write whatever their account may.
    settings = settings.model_copy(update={"allowed_roots": (Path("/"),)})
    console, report = Console(stderr=True, markup=False), file.with_name(f"{file.name}.report.csv")
    output = str(Path(output).absolute())
    # One pass over the file finds what was made before; a second one makes the batch.
    sheet = read_sheet(file, kind, text_fields())
    rows, common = (_from(file.parent, row) for row in sheet.rows), json.dumps([output, sheet.head])
    orders = [digest_of(row, number, common) for number, row in enumerate(rows, 1)]
    before = read_report(report)
    made = made_before(orders, before)
    if orders and len(made) == len(orders):
        console.print(f"all {len(orders)} rows of {file} are made: {report}")
        return 0
    with running(settings) as service:
        kept = _batch(file, kind, output, made, service, console)
        lines = _follow(kept, orders, made, console, report)
    return _print_summary(lines, report, console)


def _from(folder: Path, row: Row) -> Row:
    """The row, its relative paths starting at a folder."""
    if not isinstance(row, Mapping):
        return row
    found = dict(row)
    for field in _PATHS:
        value = found.get(field)
        if not isinstance(value, str) or not value or (field == "background" and is_colour(value)):
            continue
        if is_path(value) and not is_absolute(value):
            found[field] = str((folder / value).absolute())
    return found


def _batch(
    file: Path, kind: Kind, output: str, made: Mapping[int, Line], service: Service, console: Console
) -> KeptBatch:
    """The batch that an earlier run began, or a new one of the rows that are missing."""
    settings = service.settings
    place = hashlib.sha256(f"{file.absolute()}\n{output}".encode()).hexdigest()[:32]
    digest = f"{place} {hashlib.sha256(file.read_bytes()).hexdigest()}"
    for kept in batches.every(settings, ANONYMOUS):
        if kept.batch.digest == digest and not kept.has_ended and not kept.is_cancelled:
            console.print(f"{file}: going on behind row {kept.cursor} of {kept.batch.rows}")
            return kept
        if kept.batch.digest.startswith(f"{place} "):
            # Of the file as it was before, or of a run that ended.
            with suppress(ConflictError):
                jobs_batches.cancel(kept, service.jobs)
            kept.remove()
    numbers = iter(range(1, len(made) + batches.MAX_ROWS))

    def adapt(row: Row) -> Row:
        line = made.get(next(numbers))
        return _from(file.parent, row) if line is None else Made(line.save_path)

    if made:
        console.print(f"{file}: {len(made)} rows are made already")
    batch = Batch(batches.new_id(ANONYMOUS, None), ANONYMOUS, "", time.time(), 0, digest)
    head = {"name": file.stem, "save_path": output, "defaults": {}}
    return keep_sheet(file, kind, head, batch, settings, adapt)


def _follow(kept: KeptBatch, orders: list[str], made: Mapping[int, Line], console: Console, report: Path) -> list[Line]:
    """Show the progress, and keep the report up to date, until the batch has ended. Returns what the report says."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    written, over = 0.0, -1
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task("rows", total=len(orders))
        while True:
            ended = kept.has_ended
            found = jobs_batches.progress(kept)
            done = sum(found.count(state) for state in ("succeeded", "failed", "cancelled"))
            bar.update(shown, completed=len(orders) - kept.batch.rows + done)
            if ended or (done != over and time.monotonic() - written > _REPORT_INTERVAL):
                lines = _lines(kept, found, orders, made)
                write_report(lines, report)
                written, over = time.monotonic(), done
            if ended:
                return lines
            time.sleep(INTERVAL)


def _lines(kept: KeptBatch, found: jobs_batches.Progress, orders: list[str], made: Mapping[int, Line]) -> list[Line]:
    lines = dict(made)
    for position, record in kept.rows():
        row, error = record.get("number", position), found.failures.get(position)
        lines[row] = Line(
            row,
            record["name"],
            found.states[position - 1],
            record.get("job", {}).get("save") or "",
            "" if error is None else str(error),
            orders[row - 1],
        )
    return [lines[row] for row in sorted(lines)]


def _print_summary(lines: list[Line], report: Path, console: Console) -> int:
    done = sum(line.state == "succeeded" for line in lines)
    failed = len(lines) - done
    console.print(f"{done} of {len(lines)} made, {failed} failed: {report}", soft_wrap=True)
    return 1 if failed else 0
