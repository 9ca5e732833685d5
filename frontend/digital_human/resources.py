"""Folders that come with the package: in a wheel they lie inside it, in a checkout beside `frontend/`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def bundled(name: str) -> Path:
    """The folder `model_repository`, `backends` or `samples`."""
    packaged = _PACKAGE / name
    return packaged if packaged.is_dir() else _CHECKOUT / name
