"""Files that callers upload because they share no disk with the service, and results kept for download."""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from digital_human.errors import BadInputError, NotFoundError, TooLargeError
from digital_human.files.atomic import disk_errors
from digital_human.settings import Settings

PREFIX = "upload:"
_NAME_LENGTH = 200
_ID = re.compile(r"upload:[0-9a-f]{32}")


@dataclass(frozen=True)
class Upload:
    """name: of the file on the caller's side; empty if they sent none"""

    id: str
    bytes: int
    name: str = ""


def is_upload(text: str) -> bool:
    return text.startswith(PREFIX)


def upload_path(text: str, field: str, owner: str, settings: Settings) -> Path:
    """The file of an upload id. Its keeping time starts again.

    Raises NotFoundError if this owner has no upload of that id.
    """
    if not _ID.fullmatch(text):
        raise NotFoundError("upload_not_found", field=field)
    path = _folder(settings) / f"{owner}-{text.removeprefix(PREFIX)}"
    if not path.is_file():
        raise NotFoundError("upload_gone", field=field)
    _record_use(path, settings)
    return path


def upload_name(text: str, owner: str, settings: Settings) -> str | None:
    """What the caller called the file of an upload id; None if it is not known."""
    if not _ID.fullmatch(text):
        return None
    try:
        return (_names(settings) / f"{owner}-{text.removeprefix(PREFIX)}").read_text("utf-8") or None
    except (OSError, ValueError):
        return None


def last_use(path: Path, settings: Settings) -> float:
    """When an upload was sent or last used by a job, in seconds since 1970. Raises OSError if it is gone."""
    times = [path.stat().st_mtime]
    with suppress(OSError):
        times.append((_uses(settings) / path.name).stat().st_mtime)
    return max(times)


def remove_upload(path: Path, settings: Settings) -> None:
    """Remove an upload, its name and the record of its use."""
    path.unlink(missing_ok=True)
    for folder in (_uses(settings), _names(settings)):
        (folder / path.name).unlink(missing_ok=True)


def _record_use(path: Path, settings: Settings) -> None:
    # Not in the upload's own times: by them a running job detects that its input was replaced.
    with suppress(OSError):
        _uses(settings).mkdir(exist_ok=True)
        (_uses(settings) / path.name).touch()


def result_path(task_id: str, settings: Settings, suffix: str) -> Path:
    """The path of a result for which the caller named none."""
    return settings.state_path / "results" / f"{task_id}{suffix}"


class Receiver:
    """Receives a multipart body in pieces and stores its one file part, in constant memory.

    As a context manager it removes an upload that was not completed by `finish`.
    """

    def __init__(self, content_type: str, owner: str, settings: Settings) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise BadInputError("form_missing")
        self._names = _names(settings)
        self._name = ""
        self._limit = settings.max_upload_bytes
        self._key = uuid.uuid4().hex
        self._path = _folder(settings) / f"{owner}-{self._key}"
        self._part = self._path.with_name(f".{self._path.name}.part")
        self._size = 0
        self._files = 0
        self._in_file = False
        self._has_ended = False
        self._header = [b"", b""]
        self._disposition = b""
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._collect(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._collect(1, data[start:end]),
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": lambda data, start, end: self._data(data[start:end]),
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise BadInputError("form_boundary_too_long") from error
        with disk_errors("file"):
            self._part.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("wb")

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        # What is still to be written of a file that is not wanted may find no room.
        with suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Raises BadInputError for a malformed body, TooLargeError, and OutputError for trouble with the disk."""
        try:
            with disk_errors("file"):
                self._parser.write(data)
        except FormParserError as error:
            raise BadInputError("form_malformed") from error

    def finish(self) -> Upload:
        """Keep the file under its id. Raises BadInputError where the body was cut off or did not hold one file."""
        if not self._has_ended:
            raise BadInputError("form_cut_off")
        if self._files != 1 or self._size == 0:
            raise BadInputError("form_file_missing")
        with disk_errors("file"):
            self._file.close()
            if self._name:
                self._names.mkdir(exist_ok=True)
                (self._names / self._path.name).write_text(self._name, "utf-8")
            self._part.replace(self._path)
        return Upload(PREFIX + self._key, self._size, self._name)

    def _begin(self) -> None:
        self._in_file, self._disposition = False, b""

    def _collect(self, which: int, data: bytes) -> None:
        self._header[which] += data
        if len(self._header[which]) > 4096:
            raise BadInputError("form_header_too_long")

    def _header_ends(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = [b"", b""]

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._in_file = options.get(b"name") == b"file"
        if self._in_file:
            self._name = _plain_name(options.get(b"filename", b""))
        self._files += self._in_file

    def _end(self) -> None:
        self._has_ended = True

    def _data(self, data: bytes) -> None:
        if not self._in_file or self._files > 1:
            return
        self._size += len(data)
        if self._size > self._limit:
            raise TooLargeError("file_too_large", field="file", size=self._limit)
        self._file.write(data)


def _plain_name(name: bytes) -> str:
    """The last part of a file's name, without what a terminal or a page would not show."""
    text = name.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2].replace("%22", '"')
    return "".join(letter for letter in text if letter.isprintable()).strip()[:_NAME_LENGTH]


def _folder(settings: Settings) -> Path:
    return settings.state_path / "uploads"


def _uses(settings: Settings) -> Path:
    return settings.state_path / "upload_uses"


def _names(settings: Settings) -> Path:
    return settings.state_path / "upload_names"
