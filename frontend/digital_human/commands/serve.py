"""`digital-human serve`: the REST service until a signal ends it."""

from __future__ import annotations

import logging
import os
import re
import signal
import threading
from functools import partial
from types import FrameType

import uvicorn

from digital_human.api import create_app, require_keys
from digital_human.commands.header_timeout import impatient_protocol
from digital_human.provenance import require_key
from digital_human.runtime.triton import Triton
from digital_human.service import running_on
from digital_human.settings import Settings

log = logging.getLogger(__name__)

# Seconds. Docker kills a container ten seconds after SIGTERM.
_BEYOND_GRACE = 9.0
_TOKEN = re.compile(r"(token=)[^&\s\"]*")


def serve(settings: Settings, triton: Triton, host: str | None = None, port: int | None = None) -> int:
    """Run the service until a signal ends it. Returns the exit status.

    triton: may come later, jobs wait for it; host, port: override the settings
    """
    settings = settings.model_copy(update={"host": host or settings.host, "port": port or settings.port})
    require_keys(settings)
    require_key(settings)
    app = create_app(settings, partial(running_on, triton, settings))
    logging.getLogger("uvicorn.error").addFilter(_without_tokens)
    config = uvicorn.Config(
        app,
        settings.host,
        settings.port,
        http=impatient_protocol(settings.header_seconds),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    _Server(config, settings.shutdown_grace + _BEYOND_GRACE).run()
    return 0


def _without_tokens(record: logging.LogRecord) -> bool:
    """uvicorn logs the address of each WebSocket, which may hold a token."""
    if isinstance(record.args, tuple):
        record.args = tuple(_TOKEN.sub(r"\1...", a) if isinstance(a, str) else a for a in record.args)
    return True


class _Server(uvicorn.Server):
    """Stops at once on a signal. patience: seconds from the signal until the process is ended by force"""

    def __init__(self, config: uvicorn.Config, patience: float) -> None:
        super().__init__(config)
        self._last_resort = threading.Timer(patience, _end_by_force)
        self._last_resort.daemon = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop jobs as soon as the signal arrives, so that waiting callers are answered and do not hold up uvicorn."""
        service = getattr(self.config.app.state, "service", None)  # type: ignore[union-attr]
        if service is not None:
            service.jobs.stop_soon()
        # uvicorn's own handler would re-raise the signal after the shutdown, although stopping on request is no failure
        # and the last spans are sent after it.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        if not self.should_exit:
            self._last_resort.start()
        self.should_exit = True


def _end_by_force() -> None:
    """A thread blocked on an unreachable database never returns. The jobs resume at the next start."""
    log.error("not everything could be stopped in time: the service ends by force")
    os._exit(1)
