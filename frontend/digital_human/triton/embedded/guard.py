"""Runs Triton, and ensures that neither the server nor any of its processes outlives the service.

    guard.py [--grace SECONDS] [--remove FOLDER] [--shm-prefix NAME] -- COMMAND...

The guard is a separate process because the service may die without a chance to clean up (SIGKILL, out of memory). It
holds the reading end of a pipe whose other end the service keeps. When that closes, the service is gone or wants to
stop. The guard then interrupts the server (SIGINT) and, after `grace` seconds, kills it with all its model processes;
with a grace of 0 it kills at once. It removes the server's folder and shared memory. If the guard itself is killed, the
kernel kills the server.

First line of output: `guard: server pid N`. Exit status: the server's. It imports the standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
POLL = 0.2


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("--remove", type=Path)
    parser.add_argument("--shm-prefix")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    service = os.getppid()
    # Ctrl-C in a terminal reaches every process; the service decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.close(sys.stdin.fileno()))
    libc = ctypes.CDLL(None)
    server = subprocess.Popen(
        options.command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    print(f"guard: server pid {server.pid}", flush=True)
    while server.poll() is None and _service_lives(service):
        pass
    if server.poll() is None and options.grace:
        server.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(options.grace)
    clean_up(server.pid, options.remove, options.shm_prefix)
    status = server.wait()
    return status if status >= 0 else 128 - status


def clean_up(group: int | None, folder: Path | None, shm_prefix: str | None) -> None:
    """Kill the rest of the server's process group, i.e. its model processes; remove its folder and shared memory."""
    if group:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    if shm_prefix:
        for region in Path("/dev/shm").glob(f"{shm_prefix}*"):
            region.unlink(missing_ok=True)


def _service_lives(service: int) -> bool:
    """Wait a moment, then return False if the service has closed its end of the pipe or is gone.

    The parent's id is checked too: a process that the service forked may keep the pipe open.
    """
    try:
        readable, _, _ = select.select([0], [], [], POLL)
    except OSError:
        return False
    return not readable and os.getppid() == service


if __name__ == "__main__":
    sys.exit(main())
