"""Which frames are looked at, and what happens to a ruined one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Frame
from digital_human.core.landmarks import Indices
from digital_human.core.types import Models, Template
from digital_human.inspection.figures import Verdict, measure, verdicts
from digital_human.inspection.findings import Finding, Outcome
from digital_human.inspection.person import Person

Mode = Literal["all", "sample", "off"]
EVERY = 25
"""Of so many frames one is looked at, in the mode `sample`: the one whose mouth opens widest, where it is known."""
AROUND = 3
"""Frames before and after a ruined one that are looked at too: few faults last for one frame only."""
ATTEMPTS = 3
"""How often a ruined frame is drawn again."""

Redraw = Callable[[Indices, int], list[Frame] | None]
"""Draws some frames of a batch again, by their places in it: the n-th attempt, from 0. None if nothing else is left."""


@dataclass(frozen=True)
class Inspector:
    """Of one video. Findings grow while it is drawn, in any order.

    looked_at: bool [N], the output frames that are
    drawn:     bool [N], those that may be, if others of their batch are ruined; None if no others are
    """

    template: Template
    person: Person | None
    models: Models
    looked_at: npt.NDArray[np.bool_]
    drawn: npt.NDArray[np.bool_] | None = None
    findings: list[Finding] = field(default_factory=list)

    def inspect(
        self,
        frames: Indices,
        shown: Indices,
        before: Sequence[Frame],
        after: list[Frame],
        asked: Float32 | None,
        redraw: Redraw,
    ) -> Indices:
        """Look at drawn frames, and put better ones in the place of those that are ruined.

        Returns the places of those that nothing mends and that pass unchanged.

        frames: of the output, consecutive [n]; shown: template frames under them [n]
        after:  changed in place; a frame that nothing mends becomes that of `before`, unless its fault is small: the
            template's own mouth in the midst of speech is one too
        asked:  opening that was asked for [n]
        """
        judged: dict[int, Verdict] = {}
        places = np.flatnonzero(self.looked_at[frames])
        while len(places):
            judged |= zip(places.tolist(), self._judge(places, shown, before, after, asked), strict=True)
            places = self._around(frames, judged)
        outcomes: dict[int, Outcome] = {place: verdict.outcome for place, verdict in judged.items()}
        for attempt in range(ATTEMPTS):
            left = np.array([place for place, outcome in outcomes.items() if outcome in ("passed", "kept")], np.int64)
            again = redraw(left, attempt) if len(left) else None
            if again is None:
                break
            candidates = list(after)
            for place, frame in zip(left, again, strict=True):
                candidates[place] = frame
            for place, verdict in zip(left.tolist(), self._judge(left, shown, before, candidates, asked), strict=True):
                if verdict.kind is None and verdict.oddity <= max(judged[place].oddity, 1):
                    after[place], outcomes[place] = candidates[place], "redrawn"
        passed = np.array([place for place, outcome in outcomes.items() if outcome == "passed"], np.int64)
        for place in passed.tolist():
            after[place] = before[place]
        self.findings.extend(Finding(int(frames[k]), one.kind or "", outcomes[k]) for k, one in judged.items())
        return passed

    def _around(self, frames: Indices, judged: dict[int, Verdict]) -> Indices:
        """Places of a batch close to those that were ruined, that nobody looked at."""
        ruined = np.array([place for place, verdict in judged.items() if verdict.kind is not None], np.int64)
        if self.drawn is None or not len(ruined):
            return ruined[:0]
        near = (np.abs(np.arange(len(frames))[:, None] - ruined) <= AROUND).any(1) & self.drawn[frames]
        near[list(judged)] = False
        return np.flatnonzero(near)

    def _judge(
        self, places: Indices, shown: Indices, before: Sequence[Frame], after: Sequence[Frame], asked: Float32 | None
    ) -> list[Verdict]:
        old, new = [before[k] for k in places], [after[k] for k in places]
        track, cover, index = self.template.track, self.template.cover, shown[places]
        touched = np.zeros(len(places), np.float32)
        if cover is not None:
            touched[:] = [cover.changed(int(k), a, b) for k, a, b in zip(index, old, new, strict=True)]
        opening = None if asked is None else asked[places]
        here, scores = track.landmarks[index], track.score[index]
        return verdicts(measure(old, new, here, scores, touched, opening, self.person, self.models))


def looked_at(mode: Mode, drawn: npt.NDArray[np.bool_], aperture: Float32 | None) -> npt.NDArray[np.bool_]:
    """The output frames to look at, bool [N]: the same whichever process draws them.

    drawn: bool [N], those that are drawn at all; aperture: float32 [N], how far the mouth opens
    """
    if mode != "sample":
        return drawn & (mode == "all")
    chosen = np.zeros(len(drawn), np.bool_)
    for start in range(0, len(drawn), EVERY):
        some = start + np.flatnonzero(drawn[start : start + EVERY])
        if len(some):
            chosen[some[0] if aperture is None else some[aperture[some].argmax()]] = True
    return chosen
