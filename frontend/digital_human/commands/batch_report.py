"""The report of `digital-human batch`, a CSV beside the file of rows: for people, and for the next run."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from digital_human.errors import ServiceError
from digital_human.files.atomic import atomic_write
from digital_human.files.batch_rows import Made, Row


@dataclass(frozen=True)
class Line:
    """How a row ended. order: a digest of what it asks for, by which the next run knows it again"""

    row: int
    name: str
    state: str
    save_path: str
    error: str
    order: str


_COLUMNS = [one.name for one in fields(Line)]


def digest_of(row: Row, number: int, common: str) -> str:
    """A digest of what a row asks for; '' where it cannot be read.

    number: counts where videos are named by it; common: what is asked for all rows
    """
    if isinstance(row, ServiceError | Made):
        return ""
    asked = [common, number if "{row}" in common else 0, dict(row)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:32]


def made_before(orders: Sequence[str], lines: Iterable[Line]) -> dict[int, Line]:
    """The rows that were made by an earlier run, and whose video is there. orders: digests of all rows, in order"""
    known = {line.order: line for line in lines if line.state == "succeeded" and line.order}
    found = {}
    for row, order in enumerate(orders, 1):
        # Each line once: of two rows that ask for the same, one was refused.
        line = known.pop(order, None)
        if line is not None and Path(line.save_path).is_file():
            found[row] = Line(row, line.name, line.state, line.save_path, "", order)
    return found


def read_report(path: Path) -> list[Line]:
    """The lines of an earlier run; none where there is no report, or one of another kind."""
    lines = []
    with suppress(OSError, UnicodeDecodeError, csv.Error), path.open(encoding="utf-8-sig", newline="") as file:
        for cells in csv.DictReader(file):
            with suppress(KeyError, TypeError, ValueError):
                lines.append(Line(int(cells["row"]), *(cells[name] or "" for name in _COLUMNS[1:])))
    return lines


def write_report(lines: Iterable[Line], path: Path) -> None:
    """Write it, whole or not at all. Raises OutputError."""
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(astuple(line) for line in lines)
