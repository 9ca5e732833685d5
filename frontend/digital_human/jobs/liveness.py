"""Watches which service processes are alive, and hands the jobs of dead ones back to the queue.

A process holds a lock, which the operating system or PostgreSQL releases when the process ends, however it ends. So no
clock and no heartbeat is needed.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import zlib
from pathlib import Path
from typing import IO, Any

import psycopg
from dbos import DBOS

from digital_human.errors import UnavailableError

log = logging.getLogger(__name__)

INTERVAL = 2.0
_CLASS = 0x6468  # of our advisory locks, unlike those of other applications
# Without these, a silent connection of a machine that is gone would pass for a live process.
_KEEPALIVE: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def hold_folder(path: Path) -> IO[bytes]:
    """The state folder for this process alone, until the file is closed. Raises UnavailableError where it is taken."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UnavailableError("base_path_taken") from None
    return file


class Liveness:
    """Shows the other processes that this one lives, and hands the jobs of dead ones back to the queue."""

    def __init__(self, database_url: str, executor_id: str) -> None:
        self._url = database_url
        self._executor_id = executor_id
        self._stop = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        self._missing: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="liveness", daemon=True)

    def start(self) -> None:
        """Take the lock. Before DBOS is launched, so that no job of ours is ever without it."""
        self._connect()

    def watch(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=10, **_KEEPALIVE)
        self._connection.execute("select pg_advisory_lock(%s, %s)", (_CLASS, _lock_number(self._executor_id)))
        return self._connection

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL):
            try:
                self._poll()
            except Exception as error:
                log.warning("the other services cannot be seen: %s", error)
                if self._connection is not None:
                    self._connection.close()

    def _poll(self) -> None:
        connection = self._connection
        if connection is None or connection.closed:
            connection = self._connect()
        rows = connection.execute(
            "select objid::bigint from pg_locks where locktype = 'advisory' and classid = %s and granted"
            " and database = (select oid from pg_database where datname = current_database())",
            (_CLASS,),
        ).fetchall()
        alive = {row[0] for row in rows}
        owners = {
            str(status.executor_id)
            for status in DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        }
        missing = {owner for owner in owners if _lock_number(owner) not in alive}
        # Missing twice in a row: a process whose connection broke has had the time to make a new one.
        for owner in sorted(missing & self._missing):
            log.warning("service %s is gone; its jobs go back to the queue", owner)
            DBOS._recover_pending_workflows([owner])
        self._missing = missing


def _lock_number(executor_id: str) -> int:
    return zlib.crc32(executor_id.encode()) & 0x7FFFFFFF
