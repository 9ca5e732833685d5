"""Looks at a few pictures of what was said, while the person rests: a picture that has gone out cannot be mended."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from digital_human.core.frame import Frame
from digital_human.core.types import Models, Template
from digital_human.errors import UnavailableError
from digital_human.inspection.inspector import EVERY, Inspector
from digital_human.inspection.person import Person

log = logging.getLogger(__name__)

KEPT = 2
"""Pictures that wait to be looked at, with the template's: of a longer utterance the last ones."""
REST_SECONDS = 1.0
"""The person rests for so long before pictures are looked at: an answer that follows at once is not held up."""
NICE = 10
"""Of the thread that looks: every other one goes first."""
_POLL = 0.2


@dataclass(frozen=True)
class _Drawn:
    """aperture: how far the mouth was to open; None where the engine does not say"""

    pose: int
    before: Frame
    after: Frame
    aperture: float | None


class Looker:
    """Of every `EVERY` pictures of speech, or fewer at its end, the one whose mouth opens widest. `run` looks.

    is_resting: whether nothing is to be drawn in time; looking waits for that
    """

    def __init__(
        self,
        template: Template,
        person: Person | None,
        models: Models,
        changed: threading.Condition,
        is_resting: Callable[[], bool],
    ) -> None:
        self._template, self._person, self._models = template, person, models
        self._changed, self._is_resting = changed, is_resting
        self._widest: _Drawn | None = None
        self._passed = 0
        self._waiting: deque[_Drawn] = deque(maxlen=KEPT)
        self._found: list[str] = []

    def offer(self, pose: int, before: Frame, after: Frame, aperture: float | None) -> None:
        """A picture of speech, which nobody changes any more. Takes no time."""
        with self._changed:
            self._passed += 1
            if self._widest is None or (aperture or 0) > (self._widest.aperture or 0):
                self._widest = _Drawn(pose, before, after, aperture)
            if self._passed == EVERY:
                self._keep_widest()

    def take(self) -> list[str]:
        """What was found since: for each picture the kind of its fault, empty if it has none. See `figures.KINDS`."""
        with self._changed:
            found, self._found = self._found, []
            return found

    def run(self, is_closed: Callable[[], bool]) -> None:
        """Look until the session is closed. Raises what the models raise, except while Triton is away."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        rests_since = float("inf")
        while not is_closed():
            now = time.monotonic()
            with self._changed:
                rests_since = min(rests_since, now) if self._is_resting() else float("inf")
                is_time = now - rests_since >= REST_SECONDS
                if is_time:
                    self._keep_widest()
                drawn = self._waiting.popleft() if is_time and self._waiting else None
            if drawn is None:
                time.sleep(_POLL)
                continue
            try:
                kind = self._look(drawn)
            except UnavailableError as error:
                log.warning("a picture is not looked at: %s", error)
                continue
            with self._changed:
                self._found.append(kind)

    def _keep_widest(self) -> None:
        if self._widest is not None:
            self._waiting.append(self._widest)
        self._widest, self._passed = None, 0

    def _look(self, drawn: _Drawn) -> str:
        one = np.zeros(1, np.int64)
        inspector = Inspector(self._template, self._person, self._models, np.ones(1, np.bool_))
        asked = None if drawn.aperture is None else np.array([drawn.aperture], np.float32)
        inspector.inspect(one, one + drawn.pose, [drawn.before], [drawn.after], asked, lambda places, attempt: None)
        (finding,) = inspector.findings
        return finding.kind if finding.outcome == "passed" else ""
