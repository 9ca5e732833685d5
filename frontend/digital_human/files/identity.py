"""Detects whether a job's input is still the same file as when the job began."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

Identity = Sequence[int | str]
"""Size in bytes, modification time in ns, inode, and the device as `boot id:number`; plain enough for JSON.

Jobs recorded by an earlier version have the first two only.
"""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def identify(descriptor: int) -> Identity:
    """The identity of an open file. Raises OSError."""
    status = os.fstat(descriptor)
    return [status.st_size, status.st_mtime_ns, status.st_ino, f"{_boot()}:{status.st_dev}"]


def is_same(now: Identity, then: Identity) -> bool:
    """Whether both identify the same file, unmodified in between."""
    if list(now[:3][: len(then)]) != list(then[:3]):
        return False
    if len(then) < 4:
        return True
    # Device numbers are valid on one machine until it restarts; a job may resume after that, or elsewhere.
    boot, _, device = str(now[3]).partition(":")
    boot_then, _, device_then = str(then[3]).partition(":")
    return boot != boot_then or device == device_then


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
