"""Room on the disk for the service's own records.

An outcome that cannot be recorded would leave its job running for ever. So work begins, and ends, only while there is
some room; PostgreSQL has its own disk and is waited for by DBOS.
"""

from __future__ import annotations

import shutil

from digital_human.errors import OutputError
from digital_human.files.atomic import OWN_FOLDER
from digital_human.settings import Settings

LEAST = 2**20
"""Bytes; several thousand times what the record of a step takes."""


def has_disk_space(settings: Settings) -> bool:
    if settings.database_url:
        return True
    try:
        return shutil.disk_usage(settings.state_path).free >= LEAST
    except OSError:
        return False


def require_disk_space(settings: Settings) -> None:
    """Raises OutputError, as trouble that may pass."""
    if not has_disk_space(settings):
        raise OutputError("write_failed", field=OWN_FOLDER, reason="No space left on device", transient=True)
