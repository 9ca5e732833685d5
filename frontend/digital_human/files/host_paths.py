"""Paths as callers know them, on their own machine or in another container, Windows included."""

from __future__ import annotations

from collections.abc import Sequence

from digital_human.settings import WINDOWS_PATH


def is_windows(path: str) -> bool:
    r"""Whether it is an absolute path of Windows: `D:\folder`, `D:/folder` or `\\server\share`."""
    return WINDOWS_PATH.match(path) is not None


def is_absolute(path: str) -> bool:
    return path.startswith("/") or is_windows(path)


def mapped(path: str, mappings: Sequence[tuple[str, str]]) -> str:
    """The path by what its beginning is called here. Unchanged if no mapping fits.

    mappings: (prefix of the caller's paths, prefix here); the first one that fits counts
    """
    for prefix, here in mappings:
        inner = _below(path, prefix)
        if inner is not None:
            return f"{here.rstrip('/')}/{inner}" if inner else here
    return path


def _below(path: str, prefix: str) -> str | None:
    """What follows the prefix; None if the path does not begin with it.

    Windows ignores the case, and takes a slash for a backslash.
    """
    windows = is_windows(prefix)
    if windows:
        path, prefix = path.replace("\\", "/"), prefix.replace("\\", "/")
    prefix = prefix.rstrip("/")
    start, inner = path[: len(prefix)], path[len(prefix) :]
    is_same = start.lower() == prefix.lower() if windows else start == prefix
    return inner.lstrip("/") if is_same and inner[:1] in ("", "/") else None
