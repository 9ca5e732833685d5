"""Draws a batch of output frames: the engine's mouth, what is in front of it, and frames that pass unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from digital_human.core.border import is_drawn, shown_share
from digital_human.core.frame import Frame
from digital_human.core.landmarks import Indices
from digital_human.core.types import Models
from digital_human.engines.base import CanRedraw, Engine, Plan, slice_plan
from digital_human.inspection.inspector import Inspector
from digital_human.pipeline.templates import PreparedTemplate


@dataclass(frozen=True)
class Drawing:
    """Draws frames of one template. shown: bool [T], whether template frames show the drawn mouth"""

    prepared: PreparedTemplate
    engine: Engine
    models: Models
    shown: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", is_drawn(shown_share(self.prepared.template)))

    def draw(self, plan: Plan, indices: Indices, frames: Sequence[Frame]) -> list[Frame]:
        """The n frames of a plan. Those without a face, or with the mouth hidden or at the border, pass unchanged.

        indices: template frames, int64 [n]; frames: their pictures, which are not changed
        """
        prepared, drawn = self.prepared, list(frames)
        template = prepared.template
        present = np.flatnonzero(self.shown[indices])
        if len(present) == 0:
            return drawn
        finished = self.engine.render(
            template, prepared.analysis, slice_plan(plan, present), [frames[k] for k in present], self.models
        )
        for k, frame in zip(present, finished, strict=True):
            index = int(indices[k])
            if template.cover is not None:
                template.cover.restore(index, frames[k], frame)
            drawn[k] = frame
        return drawn

    def inspected(
        self, inspector: Inspector | None, numbers: Indices, plan: Plan, indices: Indices, frames: Sequence[Frame]
    ) -> tuple[list[Frame], Indices]:
        """The same, looked at before they leave: a ruined frame is drawn again, or passes unchanged.

        numbers: of the frames in the output, int64 [n]

        Returns the frames and the places of those that passed because they were ruined.
        """
        drawn = self.draw(plan, indices, frames)
        if inspector is None:
            return drawn, np.zeros(0, np.int64)
        engine = self.engine if isinstance(self.engine, CanRedraw) else None

        def redraw(places: Indices, attempt: int) -> list[Frame] | None:
            if engine is None:
                return None
            some = slice_plan(plan, places)
            other = engine.other_plan(self.prepared.template, self.prepared.analysis, some, attempt)
            return None if other is None else self.draw(other, indices[places], [frames[k] for k in places])

        passed = inspector.inspect(numbers, indices, frames, drawn, plan.aperture if engine else None, redraw)
        return drawn, passed
