"""Logging: one line per event, with the task's id; readable on a terminal, JSON elsewhere.

Code uses the standard library's loggers and puts values into `extra`:

    log.info("job finished", extra={"frames": 75})

Each entry of `extra` becomes a field of the JSON line and `key=value` on a terminal. The task's id is added from the
context, which `digital_human.core.concurrency` passes on to the threads of a job.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from logging.handlers import RotatingFileHandler
from pathlib import Path

from digital_human.errors import ServiceError

FILE_NAME = "digital-human.log"
FILE_BYTES, FILE_COUNT = 20 * 2**20, 5

task_id: ContextVar[str | None] = ContextVar("task_id", default=None)

_STANDARD = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", "color_message"}
_COLOURS = {"WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[31;1m"}
_QUEUE = "dbos"
_CLIENTS = ("httpx", "httpcore")
"""Their lines hold whole addresses, and a caller's address may hold a secret."""
_DIM, _PLAIN = "\033[2m", "\033[0m"


@contextmanager
def task(identifier: str) -> Iterator[None]:
    """Add the task's id to every line that the block logs, and the threads that it starts."""
    token = task_id.set(identifier)
    try:
        yield
    finally:
        task_id.reset(token)


def configure(level: str, folder: Path | None = None) -> None:
    """Log to standard error and, if a folder is given, as JSON to a rotating file. Replaces earlier handlers."""
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(
        TerminalFormatter(colour="NO_COLOR" not in os.environ) if sys.stderr.isatty() else JsonFormatter()
    )
    handlers: list[logging.Handler] = [console]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(folder / FILE_NAME, maxBytes=FILE_BYTES, backupCount=FILE_COUNT, encoding="utf-8")
        file.setFormatter(JsonFormatter())
        handlers.append(file)
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    for name in _CLIENTS:
        logging.getLogger(name).setLevel(logging.WARNING)
    queue = logging.getLogger(_QUEUE)
    # With its own handler the queue's library adds none, and its lines come to ours.
    queue.handlers[:] = [logging.NullHandler()]
    queue.propagate = True
    queue.filters[:] = [_is_news]


def _is_news(record: logging.LogRecord) -> bool:
    """False where the queue's library reports an error that the job has logged itself."""
    error = record.exc_info[1] if record.exc_info else None
    # The library's errors of cancelled workflows are recognised by name: it is loaded with the queue only.
    return not (isinstance(error, ServiceError) or "WorkflowCancelled" in type(error).__name__)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (UTC), level, logger, message, task_id, fields, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TerminalFormatter(logging.Formatter):
    """Time, level, first eight digits of the task's id, message and fields."""

    def __init__(self, colour: bool) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self.colour = colour

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        identifier = str(fields.pop("task_id", ""))[:8]
        tail = "  ".join(f"{key}={_short(value)}" for key, value in fields.items())
        shade, dim, plain = (_COLOURS.get(record.levelname, ""), _DIM, _PLAIN) if self.colour else ("", "", "")
        line = (
            f"{dim}{self.formatTime(record, self.datefmt)}{plain} {shade}{record.levelname:7}{plain} "
            f"{identifier:8} {printable(record.getMessage())}{f'  {dim}{tail}{plain}' if tail else ''}"
        )
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _fields(record: logging.LogRecord) -> dict[str, object]:
    identifier = task_id.get()
    own = {} if identifier is None else {"task_id": identifier}
    return own | {key: value for key, value in record.__dict__.items() if key not in _STANDARD}


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else printable(str(value))


def printable(text: str) -> str:
    """The text with line ends, escapes and other characters that steer a terminal written as escapes.

    Callers choose names of files, which must not forge lines.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
