"""An engine for tests that are not about the picture: frames go through as they are.

Every batch still asks Triton once, so that jobs need a live one. PASSTHROUGH_DELAY are seconds it sleeps a frame.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np

from digital_human.core.frame import Float32, Frame
from digital_human.core.landmarks import Indices
from digital_human.core.types import Arrays, Models, Template
from digital_human.engines import EngineRegistry, Plan


class Passthrough:
    name = "passthrough"
    version = "1"
    models = ("face_mesh",)
    resolution = None
    licence = "Apache-2.0"
    install = ""
    has_strength = False

    def analyse(self, template: Template, models: Models) -> Arrays:
        return {}

    def plan(
        self,
        template: Template,
        analysis: Arrays,
        audio: Float32,
        frame_indices: Indices,
        models: Models,
        strength: float = 1.0,
    ) -> Plan:
        return Plan({"number": np.arange(len(frame_indices))})

    def render(
        self, template: Template, analysis: Arrays, plan: Plan, frames: Sequence[Frame], models: Models
    ) -> list[Frame]:
        models.infer("face_mesh", {"face": np.zeros((1, 192, 192, 3), np.uint8)})
        time.sleep(float(os.environ.get("PASSTHROUGH_DELAY", "0")) * len(frames))
        return [frame.copy() for frame in frames]


def register_engines(registry: EngineRegistry) -> None:
    registry.register(Passthrough())
