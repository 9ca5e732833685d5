"""Steps of workflows that DBOS puts on record, tried again while their error may pass."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from dbos import DBOS
from sqlalchemy.exc import DBAPIError

from digital_human.errors import OutputError, ServiceError
from digital_human.files.disk_space import require_disk_space
from digital_human.jobs.cancellation import JobControl, JobRegistry
from digital_human.observability import tracing
from digital_human.settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

_LAST_PAUSE = 30.0


def recorded_step(
    name: str, work: Callable[[], T], registry: JobRegistry, control: JobControl, settings: Settings
) -> T:
    """Do one recorded step. While its error is transient, try again with growing pauses."""

    def attempts() -> T:
        for attempt in range(settings.retries + 1):
            registry.begin_step(control)
            try:
                require_disk_space(settings)
                with tracing.span(name):
                    return work()
            except ServiceError as error:
                if not error.transient or attempt == settings.retries:
                    raise
                log.warning("task %s: %s will be tried again: %s", DBOS.workflow_id, name, error)
            finally:
                registry.end_step()
            registry.pause(min(2.0**attempt, _LAST_PAUSE), control)
        raise AssertionError("unreachable")

    try:
        return DBOS.run_step({"name": name}, attempts)
    except DBAPIError as error:
        raise OutputError("records_not_kept") from error
