"""Gives memory back to the system once a model has had nothing to do for a while.

The C library keeps what was freed: tens of megabytes in each process once a model was loaded or a large batch was run.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET = 3.0
"""Seconds without work after which memory is given back."""


class Idle:
    """Calls what was added and gives free memory back, once, whenever there was work and then none for `quiet` seconds.

    Nothing is given back while there is work.
    """

    def __init__(self, quiet: float = QUIET) -> None:
        self._quiet = quiet
        self._lock = threading.Lock()
        self._touched = threading.Event()
        self._touched.set()
        self._releases: list[Callable[[], object]] = []
        threading.Thread(target=self._watch, name="idle", daemon=True).start()

    def add(self, release: Callable[[], object]) -> None:
        """Call this too when there is nothing to do."""
        self._releases.append(release)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with self._lock:
            yield
        self._touched.set()

    def _watch(self) -> None:
        never = threading.Event()
        while self._touched.wait():
            self._touched.clear()
            never.wait(self._quiet)
            if not self._touched.is_set():
                with self._lock:
                    for release in self._releases:
                        release()
                    _trim()


def _trim() -> None:
    """Give free memory back, where the C library can."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)
