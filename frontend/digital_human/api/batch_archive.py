"""The results of a batch as one ZIP, written while it is sent: nothing is stored in between."""

from __future__ import annotations

import csv
import io
import os
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from digital_human.errors import ServiceError
from digital_human.files.sandbox import open_file
from digital_human.settings import Settings

_BLOCK = 2**20


@dataclass(frozen=True)
class Line:
    """One row of the report. path: of its video, None without one"""

    row: int
    name: str
    state: str
    file: str
    task_id: str
    error: str
    path: Path | None


class _Sink(io.RawIOBase):
    """Holds what was written until it is taken."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        block = bytes(data)  # type: ignore[call-overload]
        self._held += block
        return len(block)

    def take(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return held


def archive(lines: Iterable[Line], settings: Settings) -> Iterator[bytes]:
    """The ZIP in pieces: every video that is still there, and `report.csv` with all rows."""
    sink = _Sink()
    report = io.StringIO()
    rows = csv.writer(report)
    rows.writerow(["row", "name", "state", "file", "task_id", "error"])
    with zipfile.ZipFile(sink, "w") as archive_file:
        for line in lines:
            file = line.file if line.path is not None else ""
            if line.path is not None:
                try:
                    with open_file(line.path, settings.roots, "result") as descriptor:
                        # Videos are compressed already.
                        entry = zipfile.ZipInfo(line.file, time.localtime(os.fstat(descriptor).st_mtime)[:6])
                        with archive_file.open(entry, "w", force_zip64=True) as target:
                            while block := os.read(descriptor, _BLOCK):
                                target.write(block)
                                yield sink.take()
                except (OSError, ServiceError):
                    file = ""
            rows.writerow([line.row, line.name, line.state, file, line.task_id, line.error])
        archive_file.writestr("report.csv", "\ufeff" + report.getvalue())
    yield sink.take()
