"""The memory that a job's process may hold."""

from __future__ import annotations

import ctypes
import gc
import resource
import threading

import numpy as np

_CALLERS = 3
"""Threads of a job that may be in OpenBLAS at the same time."""
_LONG = 400
"""Rows of a matrix that takes OpenBLAS long enough, 10 ms, for others to come in meanwhile."""


def limit(size: int) -> None:
    """Let this process hold `size` bytes. Larger requests fail, which Python and FFmpeg raise as MemoryError.

    The limit is not one of the address space: CUDA sets aside far more of that than it ever uses.
    """
    _have_openblas_take_its_own()
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _have_openblas_take_its_own() -> None:
    """OpenBLAS takes 32 MB for each thread that is in it at a time, and keeps them.

    Where it is refused them it asks again for ever, and no other thread of Python runs meanwhile.
    """
    together = threading.Barrier(_CALLERS)

    def invert() -> None:
        matrix = np.eye(_LONG, dtype=np.float32)
        together.wait()
        np.linalg.inv(matrix)

    threads = [threading.Thread(target=invert, daemon=True) for _ in range(_CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def trim() -> None:
    """Give back to the system what is needed no more: glibc keeps it for the next time, 150 MB after a job."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
