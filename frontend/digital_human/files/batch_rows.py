"""The rows of a batch, as they are sent: JSON, JSON Lines or CSV, read row by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from digital_human.errors import BadInputError, ServiceError, TooLargeError

Kind = Literal["json", "jsonl", "csv"]

KINDS: Mapping[str, Kind] = {
    "application/json": "json",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/x-jsonlines": "jsonl",
    "text/csv": "csv",
}
"""By media type."""
SUFFIXES: Mapping[str, Kind] = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}

MAX_LINE = 256 * 2**10
"""Bytes of a row, as of a single request."""


@dataclass(frozen=True)
class Made:
    """A row whose video is there already, at `save_path`."""

    save_path: str


Row = Mapping[str, Any] | ServiceError | Made
"""The fields of a row, or why there are none."""


@dataclass(frozen=True)
class Sheet:
    """head: what holds for the batch as a whole, of JSON only; rows: one after another"""

    rows: Iterator[Row]
    head: Mapping[str, Any] = field(default_factory=dict)


def read_sheet(path: Path, kind: Kind, texts: Collection[str]) -> Sheet:
    """Read a file of rows.

    texts: fields whose values in CSV are texts; others are read as JSON where that is possible, as `1` or `{"x": 0.5}`
    Raises BadInputError where it is not of that kind. A row that is not is an error among the rows.
    """
    if kind == "json":
        return _json(path)
    return Sheet(_lines(path) if kind == "jsonl" else _csv(path, texts))


def _json(path: Path) -> Sheet:
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInputError("batch_unreadable", kind="JSON", reason=_reason(error)) from error
    rows = document.pop("rows", None) if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise BadInputError("field_missing", field="rows")
    head = document if isinstance(document, dict) else {}
    return Sheet(iter([row if isinstance(row, dict) else BadInputError("batch_row_no_object") for row in rows]), head)


def _lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                raise TooLargeError("batch_row_too_large", size=MAX_LINE)
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadInputError("batch_unreadable", kind="JSON", reason=_reason(error))
            else:
                yield row if isinstance(row, dict) else BadInputError("batch_row_no_object")


def _csv(path: Path, texts: Collection[str]) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE)
    try:
        # Spreadsheets put a byte order mark first.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            for cells in reader:
                if None in cells:
                    yield BadInputError("batch_row_too_long", count=len(names))
                    continue
                yield {name: _value(name, cell, texts) for name, cell in cells.items() if cell}
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError("batch_unreadable", kind="CSV", reason=_reason(error)) from error


def _value(name: str, cell: str, texts: Collection[str]) -> Any:
    if name in texts:
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
