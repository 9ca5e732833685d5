"""Looks for faces in a template while the caller waits. A worker does it, since the file is not trusted."""

from __future__ import annotations

import time
from pathlib import Path

from digital_human.errors import JobTimeoutError
from digital_human.jobs.worker.pool import WorkerPool
from digital_human.jobs.worker.protocol import FindFaces, FoundFaces

PATIENCE = 60.0
"""Seconds that a search may take, and seconds to wait for an idle worker."""


def find_faces(video: Path, moment: float, pool: WorkerPool) -> FoundFaces:
    """The faces of a template at a moment, seconds, and a still of it.

    Raises BadInputError, UnavailableError while every worker is busy, and JobTimeoutError.
    """
    with pool.idle(PATIENCE) as worker:
        deadline = time.monotonic() + PATIENCE

        def check() -> None:
            if time.monotonic() > deadline:
                raise JobTimeoutError("job_timed_out", seconds=PATIENCE)

        return worker.call(FindFaces(video, moment), lambda stage, share: None, check)
