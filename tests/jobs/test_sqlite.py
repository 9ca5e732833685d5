"""DBOS finds the functions it needs in any SQLite that Python was built with."""

import sqlite3
import time

from sqlalchemy import create_engine, text

from digital_human.jobs.sqlite import supply_unixepoch, unixepoch


def test_sub_seconds_are_told_whatever_the_version_of_sqlite() -> None:
    supply_unixepoch()
    with create_engine("sqlite://").begin() as connection:
        connection.execute(text("CREATE TABLE t (k INTEGER, at BIGINT NOT NULL DEFAULT (unixepoch('subsec') * 1000))"))
        before = time.time()
        connection.execute(text("INSERT INTO t (k) VALUES (1)"))
        after = time.time()
        at = connection.execute(text("SELECT at FROM t")).scalar_one()
    # The supplied function counts in eighths of a second.
    assert before * 1000 - 126 <= at <= after * 1000 + 1
    assert isinstance(at, int) or sqlite3.sqlite_version_info >= (3, 42)


def test_the_supplied_function_answers_like_sqlites_own() -> None:
    assert isinstance(unixepoch(), int)
    now = unixepoch("subsec")
    assert now is not None and now * 1000 % 1 == 0
    assert unixepoch("now", "utc") is None
