"""A real PostgreSQL for tests, on a free port, with a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live import free_port

USER = "tester"


def binary(name: str) -> str | None:
    """The path of one of its programs. Debian keeps most of them off PATH."""
    found = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    return shutil.which(name) or (str(found[-1]) if found else None)


def missing() -> str | None:
    """What has to be installed first, None if nothing."""
    if not binary("initdb") or not binary("postgres"):
        return "needs PostgreSQL: apt-get install postgresql"
    if os.geteuid() == 0:
        # It refuses to run as root.
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "needs the user postgres"
    return None


@dataclass
class Database:
    """A PostgreSQL that can be stopped and started."""

    url: str
    command: list[str]
    ready: list[str]
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.server = subprocess.Popen(self.command, cwd="/", stderr=subprocess.DEVNULL)
        while subprocess.run(self.ready).returncode:
            assert self.server.poll() is None
            time.sleep(0.1)

    def stop(self) -> None:
        assert self.server is not None
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait()


@contextmanager
def serving() -> Iterator[Database]:
    """An empty database. Call `missing` first."""
    as_other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="digital-human-pg-"))
    if as_other:
        shutil.chown(folder, "postgres", "postgres")
    port = free_port()
    subprocess.run(
        [*as_other, str(binary("initdb")), "-D", str(folder / "data"), "-U", USER, "-A", "trust", "-N"],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
    )
    options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    server = Database(
        f"postgresql://{USER}@127.0.0.1:{port}/postgres",
        [*as_other, str(binary("postgres")), "-D", str(folder / "data"), *options],
        [binary("pg_isready") or "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)],
    )
    try:
        server.start()
        yield server
    finally:
        if server.server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
