"""The default engine: a real mouth, chosen frame by frame, re-posed and blended into the template.

Its models are `speech_to_lips` (audio to lip curves) and `mouth_renderer` (two crops to one). Whose mouth it shows
depends on the template. The analysis names it in `kind`:

    exemplar   the template talks: its own frames are the exemplars, see `native`
    donor      the mouth stays shut, or the template is a still: its own lips, the teeth of a donor, see `donor`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from digital_human.core.frame import Float32, Frame
from digital_human.core.landmarks import Indices
from digital_human.core.notices import Notice
from digital_human.core.types import Arrays, Models, Template
from digital_human.engines.base import Plan
from digital_human.engines.exemplar import live, native, renderer_inputs, second_choice, speech_to_lips
from digital_human.engines.exemplar.analysis import usable
from digital_human.engines.exemplar.donor import engine as donor
from digital_human.engines.exemplar.speech_to_lips import LipCurves
from digital_human.engines.live import LiveMouth


class Mouth(Protocol):
    """A kind of mouth. Modules implement it."""

    def analyse(self, template: Template, models: Models) -> Arrays:
        """See `Engine.analyse`."""
        ...

    def plan(self, analysis: Arrays, curves: LipCurves, frame_indices: Indices, strength: float = 1.0) -> Plan:
        """See `Engine.plan`. curves: of a standard speaker, N frames. The plan has an `aperture`."""
        ...

    def render(
        self, template: Template, analysis: Arrays, plan: Plan, frames: Sequence[Frame], models: Models
    ) -> list[Frame]:
        """See `Engine.render`."""
        ...


LEAST_RANGE = 0.06
"""Range of apertures that it takes to talk, inter-ocular distances."""
MOUTHS: dict[str, Mouth] = {"exemplar": native, "donor": donor}


class DefaultEngine:
    name = "default"
    version = "18"
    models = (speech_to_lips.MODEL, renderer_inputs.MODEL)
    resolution = None
    licence = "Apache-2.0, like the project"
    install = ""
    has_strength = True

    def analyse(self, template: Template, models: Models) -> Arrays:
        if usable(template):
            arrays = native.analyse(template, models)
            # Of a template that pulls faces, the calm mouths may be shut ones only.
            limits = np.asarray(arrays["limits"], np.float32)
            if not arrays["pulls_faces"] or limits[-1] - limits[0] > LEAST_RANGE:
                return {"kind": np.array("exemplar"), **arrays}
        return {"kind": np.array("donor"), **donor.analyse(template, models)}

    def plan(
        self,
        template: Template,
        analysis: Arrays,
        audio: Float32,
        frame_indices: Indices,
        models: Models,
        strength: float = 1.0,
    ) -> Plan:
        curves = speech_to_lips.predict_lips(audio, len(frame_indices), template.fps, models)
        planned = _mouth(analysis).plan(analysis, curves, frame_indices, strength)
        return replace(planned, notices=_notices(analysis))

    def live(self, template: Template, analysis: Arrays, models: Models, strength: float = 1.0) -> LiveMouth:
        return live.mouth(template, analysis, models, strength)

    def render(
        self, template: Template, analysis: Arrays, plan: Plan, frames: Sequence[Frame], models: Models
    ) -> list[Frame]:
        return _mouth(analysis).render(template, analysis, plan, frames, models)

    def other_plan(self, template: Template, analysis: Arrays, plan: Plan, attempt: int) -> Plan | None:
        return second_choice.other_plan(analysis, plan, attempt) if _mouth(analysis) is native else None


def _notices(analysis: Arrays) -> list[Notice]:
    """What a caller should know of a template whose mouth hardly moves, or pulls faces."""
    if _mouth(analysis) is not donor:
        return [Notice("pulls_faces", {})] if analysis.get("pulls_faces", False) else []
    if donor.is_parted(analysis):
        return [Notice("mouth_never_shuts", {})]
    return [] if "ink" in analysis else [Notice("mouth_never_opens", {})]  # A drawing shows its own colours.


def _mouth(analysis: Arrays) -> Mouth:
    return MOUTHS[str(analysis["kind"])]
