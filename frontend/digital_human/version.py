"""The version of the distribution, from its metadata."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("digital-human-service")
except PackageNotFoundError:  # a checkout on PYTHONPATH that was never installed
    VERSION = "0+unknown"
