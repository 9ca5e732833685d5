"""The seam between a live session and the ways to lip-sync: speech and frames that come one by one.

An engine that can speak live has a method `live`. The same template, speech and poses give the same frames, whatever
the sizes of the chunks in which the speech comes and of the batches in which the frames are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from digital_human.core.frame import Float32
from digital_human.core.landmarks import Indices
from digital_human.core.types import Arrays, Models, Template
from digital_human.engines.base import Plan

AHEAD = 3
"""Frames after its own that a cue covers."""


@dataclass(frozen=True)
class Cue:
    """What the mouth does in one frame, and in the next ones as far as that is known.

    aperture, width: float32 [1 + AHEAD], inter-ocular distances
    """

    aperture: Float32
    width: Float32


class Listener(Protocol):
    """Turns one utterance into cues, one for each frame. It looks a fixed time ahead."""

    def hear(self, samples: Float32) -> list[Cue]:
        """The cues of the frames that are settled by these further samples, float32 [n], 16 kHz mono, +-1."""
        ...

    def end(self) -> list[Cue]:
        """The cues of the frames that are left. Silence follows the utterance."""
        ...


class LiveMouth(Protocol):
    """The mouth of one live session."""

    @property
    def rest(self) -> Cue:
        """The mouth at rest, shut."""
        ...

    def listener(self) -> Listener:
        """For the next utterance. Not safe for threads, but it may run beside the other methods."""
        ...

    def closing(self, last: Cue) -> list[Cue]:
        """The cues that lead from a mouth drawn by `last` to rest, which is not among them."""
        ...

    def at_rest(self, poses: Indices) -> Plan:
        """The plan of a mouth that has been at rest for a while. poses: template frames, int64 [n]"""
        ...

    def begin(self, pose: int) -> Any:
        """What `plan` continues from, after a frame at rest in this pose."""
        ...

    def plan(self, last: Any, poses: Indices, cues: Sequence[Cue]) -> list[tuple[Plan, Any]]:
        """The plans of n frames, one each, and what the frame after it continues from.

        last:  from `begin` or the frame before
        poses: template frames, int64 [n + AHEAD]
        cues:  of the n frames
        """
        ...


@runtime_checkable
class LiveEngine(Protocol):
    """An `Engine` that can also speak live."""

    def live(self, template: Template, analysis: Arrays, models: Models, strength: float = 1.0) -> LiveMouth:
        """The mouth of a session. strength: see `Engine.plan`"""
        ...
