"""SQLite as DBOS wants it.

On Python 3.12 DBOS asks SQLite for `unixepoch('subsec')`, which SQLite knows from 3.42 on; older ones, such as Debian
12's 3.40, answer NULL, and DBOS does not start. What Python was built with cannot be changed from here, so the function
is supplied.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_FIRST_WITH_SUBSEC = (3, 42)


def supply_unixepoch() -> None:
    """Give every SQLite connection that SQLAlchemy opens from now on the newer `unixepoch`, where it is missing."""
    if sqlite3.sqlite_version_info < _FIRST_WITH_SUBSEC and not event.contains(Engine, "connect", _supply):
        event.listen(Engine, "connect", _supply)


def _supply(connection: Any, record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", -1, unixepoch)


def unixepoch(*arguments: str) -> float | int | None:
    """Seconds since 1970: of now, as `unixepoch()` and `unixepoch('subsec')` mean it; None for anything else.

    Sub-seconds come in eighths, so that a thousandfold is a whole number and is stored as one.
    """
    if arguments == ("subsec",):
        return int(time.time() * 8) / 8
    return int(time.time()) if not arguments else None
