"""A Triton that runs outside the service: whether it answers and serves what the service needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from digital_human.errors import UnavailableError
from digital_human.triton import schema

_FRESH = 1.0


class ExternalTriton:
    """Offers what callers need of `TritonServer`, for a server that they cannot start or stop.

    url:    host:port of the HTTP service
    needed: models without which it is not ready
    """

    restarts = 0
    metrics_url = None

    def __init__(self, url: str, needed: Sequence[str]) -> None:
        self.url = url
        self._needed = needed
        self._lock = threading.Lock()
        self._checked = -_FRESH
        self._problem: UnavailableError | None = None

    def model_repository(self) -> Path | None:
        """None: its repository is out of reach."""
        return None

    def is_ready(self) -> bool:
        """Whether it serves every needed model. May block for seconds."""
        try:
            self.require_ready()
        except UnavailableError:
            return False
        return True

    def require_ready(self) -> None:
        """Raises UnavailableError that says what is wrong, up to a second old; not transient if waiting is no use."""
        with self._lock:
            if time.monotonic() - self._checked > _FRESH:
                self._problem = self._check()
                self._checked = time.monotonic()
            if self._problem is not None:
                raise self._problem.with_traceback(None)

    def _check(self) -> UnavailableError | None:
        try:
            schema.check(self.url, self._needed)
        except UnavailableError as error:
            return error
        return None
