"""The default engine: a real mouth, chosen frame by frame, re-posed and blended into the template.

Its networks are `speech_to_lips` (audio -> lip shape) and `mouth_renderer` (two crops -> one). Whose mouth it is
depends on the template, and the analysis says so under `kind`:

    exemplar   the template talks: its own frames are the stock (`digital_human.engines.exemplar.native`)
    donor      its mouth stays shut, or it is a still: the lips are its own, the teeth a donor's (`.donor`)
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Frame
from digital_human.engines.base import Arrays, Models, Template
from digital_human.engines.exemplar import analysis as study
from digital_human.engines.exemplar import native, speech_to_lips
from digital_human.engines.exemplar.donor import engine

MOUTHS: dict[str, ModuleType] = {"exemplar": native, "donor": engine}
"""Kind -> module with `plan` and `render` of the signatures in `digital_human.engines.exemplar.native`."""


class DefaultEngine:
    name = "default"
    version = "4"
    models: tuple[str, ...] = (speech_to_lips.MODEL, native.RENDERER)
    resolution: int | None = None
    licence = "Apache-2.0, like the project"
    install = ""
    has_strength = True

    def analyse(self, template: Template, models: Models) -> Arrays:
        if not study.usable(template):
            return {"kind": np.array("donor"), **engine.analyse(template)}
        return {"kind": np.array("exemplar"), **native.analyse(template, models)}

    def plan(
        self,
        template: Template,
        analysis: Arrays,
        audio: Float32,
        frame_indices: npt.NDArray[np.int64],
        models: Models,
        strength: float = 1.0,
    ) -> Arrays:
        """What the mouth's module plans; every kind names the driving curve `aperture`, float32 [N]."""
        curves = speech_to_lips.predict_lips(audio, len(frame_indices), template.fps, models)
        plan: Arrays = MOUTHS[str(analysis["kind"])].plan(analysis, curves, frame_indices, strength)
        return plan

    def render(
        self, template: Template, analysis: Arrays, plan: Arrays, frames: Sequence[Frame], models: Models
    ) -> list[Frame]:
        drawn: list[Frame] = MOUTHS[str(analysis["kind"])].render(template, analysis, plan, frames, models)
        return drawn
