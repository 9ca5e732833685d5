"""Files that are complete or not there, and errors of the disk in words that a caller understands."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from digital_human.errors import OutputError

SAVE_PATH = "save_path"
OWN_FOLDER = "the service's own folder"
"""How error messages name what cannot be written."""

TEMPORARY_BYTES = 50
"""By how much a temporary name may be longer than the name of the file that it is for."""

# A full disk or a share that is away may recover in a moment. NumPy gives no number, only that not all was written.
_TRANSIENT = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EAGAIN, errno.ENOENT, None)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`. It replaces `path` when the block ends normally and is removed when it raises.

    Raises OutputError where the disk cannot be written.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with disk_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def disk_errors(what: str = SAVE_PATH) -> Iterator[None]:
    """Turn an OSError of the block into an `OutputError` that names `what`."""
    try:
        yield
    except OSError as error:
        # PyAV repeats the path in its message; the caller learns the reason only.
        reason = error.strerror or "the disk gave an error"
        raise OutputError("write_failed", field=what, reason=reason, transient=error.errno in _TRANSIENT) from error


def sync(path: Path) -> None:
    """Flush the file to the disk. Raises OSError."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
