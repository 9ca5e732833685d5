"""The seam between the pipeline and the ways to lip-sync.

An engine has three steps. *analyse* studies the template once; what it returns is plain arrays, stored by content
hash and used again. *plan* turns one speech into per-frame targets. *render* draws batches of frames through Triton.
The same template and plan give the same frames, whichever process draws them, so a job can be cut into segments and
resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Frame
from digital_human.core.types import Arrays, FaceTrack, Models, Template

__all__ = ["STRENGTHS", "Arrays", "Engine", "FaceTrack", "Models", "Template", "cut"]

STRENGTHS = (0.5, 1.5)
"""Least and largest `strength` of `Engine.plan`."""


def cut(plan: Arrays, frames: npt.NDArray[np.int64]) -> Arrays:
    """The plan of some output frames. See `Engine.plan`."""
    return {name: array if name.startswith("timeline_") else array[frames] for name, array in plan.items()}


class Engine(Protocol):
    name: str
    version: str
    """Part of the key under which analyses are stored: change it when `analyse` changes what it returns."""
    models: tuple[str, ...]
    """The Triton models it needs."""
    resolution: int | None
    """Side of the square face that its network draws, in pixels; None where it draws at the template's own."""
    licence: str
    """Under which the weights may be used, for the caller."""
    install: str
    """The command that puts the weights in their place; empty where they ship."""
    has_strength: bool
    """Whether `plan` can draw the mouth less or further open; where not, it is never asked to."""

    def analyse(self, template: Template, models: Models) -> Arrays:
        """Study the template once.

        Raises `digital_human.errors.NoFaceError` or `BadInputError` where it cannot be used.
        """
        ...

    def plan(
        self,
        template: Template,
        analysis: Arrays,
        audio: Float32,
        frame_indices: npt.NDArray[np.int64],
        models: Models,
        strength: float = 1.0,
    ) -> Arrays:
        """Targets of every output frame.

        audio:    float32 [samples], 16 kHz mono, +-1
        frame_indices: int64 [N], the template frame shown under each output frame
        strength: how far the mouth opens, 1 being as far as the speech says; within `STRENGTHS`
        Every array has N as its first axis, so it can be cut by frame, but those called `timeline_...`: they run along
        the speech and stay whole. Windows that overlap from frame to frame are so kept once.
        `draws`, where there is one, says how many pictures the networks draw for each frame, 1 being usual. Batches are
        made of as many pictures.
        """
        ...

    def render(
        self, template: Template, analysis: Arrays, plan: Arrays, frames: Sequence[Frame], models: Models
    ) -> list[Frame]:
        """Draw a batch; frames without a face are never part of it.

        plan: cut to these frames by `cut`
        The frames given are not changed: what is drawn on is a copy.
        """
        ...
