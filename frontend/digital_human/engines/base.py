"""The seam between the pipeline and the ways to lip-sync.

An engine works in three steps. `analyse` examines a template once; the result is plain arrays, stored by the content of
the file. `plan` turns one speech into targets for each output frame. `render` draws batches of frames with the models.
The same template and plan give the same frames in any process, so a job can be split into segments and resumed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Frame
from digital_human.core.landmarks import Indices
from digital_human.core.notices import Notice, from_records, to_records
from digital_human.core.types import Arrays, Models, Template

STRENGTHS = (0.5, 1.5)
"""Least and largest `strength` of `Engine.plan`."""

_TIMELINE, _APERTURE, _DRAWS, _NOTICES = "timeline_", "aperture", "draws", "notices"


@dataclass(frozen=True)
class Plan:
    """Targets of N output frames, made from one speech.

    arrays:    what `Engine.render` needs for each frame, [N, ...]
    timelines: arrays along the speech. They stay whole when the plan is sliced: where the windows of neighbouring
               frames overlap, a timeline holds their samples once
    aperture:  float32 [N], how far the mouth opens, for reports; None if the engine has no such curve
    draws:     int64 [N], images that the models draw for each frame, by which batches are sized; None for one each
    notices:   what the caller should know of it, each once for the whole video

    Raises ValueError if the arrays differ in length, or if one has a name that `to_arrays` uses.
    """

    arrays: Arrays
    timelines: Arrays = field(default_factory=dict)
    aperture: Float32 | None = None
    draws: Indices | None = None
    notices: Sequence[Notice] = ()

    def __post_init__(self) -> None:
        reserved = [name for name in self.arrays if name in (_APERTURE, _DRAWS, _NOTICES) or name.startswith(_TIMELINE)]
        if reserved:
            raise ValueError(f"arrays of a plan cannot be named {', '.join(reserved)}")
        lengths = {name: len(array) for name, array in _per_frame(self).items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"arrays of a plan must have a row for each frame, but their lengths are {lengths}")

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """The plan as arrays to store."""
        timelines = {_TIMELINE + name: array for name, array in self.timelines.items()}
        notices = {_NOTICES: np.array(json.dumps(to_records(self.notices)))} if self.notices else {}
        return _per_frame(self) | timelines | notices

    @classmethod
    def from_arrays(cls, stored: Arrays) -> Plan:
        """The inverse of `to_arrays`."""
        arrays = {name: array for name, array in stored.items() if not name.startswith(_TIMELINE)}
        timelines = {name[len(_TIMELINE) :]: array for name, array in stored.items() if name.startswith(_TIMELINE)}
        aperture, draws = arrays.pop(_APERTURE, None), arrays.pop(_DRAWS, None)
        notices = json.loads(str(arrays.pop(_NOTICES, "[]")))
        return cls(
            arrays,
            timelines,
            None if aperture is None else np.asarray(aperture, np.float32),
            None if draws is None else np.asarray(draws, np.int64),
            from_records(notices),
        )


def slice_plan(plan: Plan, frames: Indices) -> Plan:
    """The plan of some of the output frames, int64 [n]."""
    return Plan(
        {name: array[frames] for name, array in plan.arrays.items()},
        plan.timelines,
        None if plan.aperture is None else plan.aperture[frames],
        None if plan.draws is None else plan.draws[frames],
    )


def _per_frame(plan: Plan) -> dict[str, npt.NDArray[np.generic]]:
    named: Mapping[str, npt.NDArray[np.generic] | None] = {_APERTURE: plan.aperture, _DRAWS: plan.draws}
    return {**plan.arrays, **{name: array for name, array in named.items() if array is not None}}


class Engine(Protocol):
    """One way to make a template speak. It holds no state: what one step passes to the next is arrays."""

    @property
    def name(self) -> str:
        """What jobs call it."""
        ...

    @property
    def version(self) -> str:
        """Part of the key under which analyses are stored. Change it when `analyse` returns something else."""
        ...

    @property
    def models(self) -> tuple[str, ...]:
        """The Triton models it calls."""
        ...

    @property
    def resolution(self) -> int | None:
        """Side of the square face that its model draws, pixels; None if it draws at the template's resolution."""
        ...

    @property
    def licence(self) -> str:
        """Licence of the weights, for callers to read."""
        ...

    @property
    def install(self) -> str:
        """The command that installs the weights; empty if they ship with the service."""
        ...

    @property
    def has_strength(self) -> bool:
        """Whether `plan` can open the mouth less or further. If not, its `strength` is always 1."""
        ...

    def analyse(self, template: Template, models: Models) -> Arrays:
        """Measure the template once. The arrays are stored and come back memory-mapped.

        Raises `digital_human.errors.NoFaceError` or `BadInputError` if the template cannot be used.
        """
        ...

    def plan(
        self,
        template: Template,
        analysis: Arrays,
        audio: Float32,
        frame_indices: Indices,
        models: Models,
        strength: float = 1.0,
    ) -> Plan:
        """Targets of every output frame.

        analysis:      what `analyse` returned
        audio:         float32 [samples], 16 kHz mono, +-1
        frame_indices: int64 [N], the template frame shown under each output frame
        strength:      how far the mouth opens, within `STRENGTHS`; at 1 as far as the speech suggests
        """
        ...

    def render(
        self, template: Template, analysis: Arrays, plan: Plan, frames: Sequence[Frame], models: Models
    ) -> list[Frame]:
        """Draw a batch of n output frames. Frames without a face are never part of it.

        plan:   sliced to these frames
        frames: the template frames under them; they are not changed, the result is drawn on copies
        """
        ...


@runtime_checkable
class CanRedraw(Protocol):
    """An engine that can draw a frame in another way, where the first one looks wrong.

    The `aperture` of its plans is in inter-ocular distances, so that it can be compared with what is seen.
    """

    def other_plan(self, template: Template, analysis: Arrays, plan: Plan, attempt: int) -> Plan | None:
        """The plan of some frames by the next best means; None if there are none.

        plan:    sliced to these frames, as it was drawn first
        attempt: 0 for the first time, and one more each time that the result looked wrong again
        """
        ...
