"""How many processors there are for this process."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path


def usable_processors(control_groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Those it may run on, but no more than its container is granted time of; at least one.

    control_groups: where cgroups are mounted, version 2 or 1
    """
    allowed, granted = len(os.sched_getaffinity(0)), _granted(control_groups)
    return max(min(allowed, allowed if granted is None else math.ceil(granted)), 1)


def _granted(groups: Path) -> float | None:
    """Processors' worth of time in a period; None without a limit."""
    with suppress(OSError, ValueError):
        quota, period = (groups / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    with suppress(OSError, ValueError):
        quota, period = ((groups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return None if int(quota) < 0 else int(quota) / int(period)
    return None
