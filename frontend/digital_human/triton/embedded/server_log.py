"""Triton's own log lines, turned into records of the `triton` logger."""

from __future__ import annotations

import logging
import re

_LINE = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ \d+ (\S+?:\d+)\] ?(.*)$")
_LEVELS = {"I": logging.INFO, "W": logging.WARNING, "E": logging.ERROR, "F": logging.CRITICAL}
# Logged as an error or a warning on every machine without a GPU.
_HARMLESS = ("CudaDriverHelper has not been initialized", "Failed to initialize NVML", "no pinned memory pool")


def parse(line: str) -> tuple[int, str]:
    """Level and text of a line. Lines in another form, such as a backend's own output, are INFO."""
    match = _LINE.match(line)
    level, text = (_LEVELS[match[1]], f"{match[2]} {match[3]}") if match else (logging.INFO, line)
    return (logging.DEBUG if any(known in text for known in _HARMLESS) else level), text
