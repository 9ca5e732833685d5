"""The number of processors that this process may use."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path


def usable_processors(control_groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors in the affinity mask, limited by the container's CPU quota; at least one.

    control_groups: mount point of cgroups, version 2 or 1
    """
    allowed, quota = len(os.sched_getaffinity(0)), _quota(control_groups)
    return max(min(allowed, allowed if quota is None else math.ceil(quota)), 1)


def _quota(groups: Path) -> float | None:
    """CPU time over wall time; None without a limit."""
    with suppress(OSError, ValueError):
        quota, period = (groups / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    with suppress(OSError, ValueError):
        quota, period = ((groups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return None if int(quota) < 0 else int(quota) / int(period)
    return None
