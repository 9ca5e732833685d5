"""The default engine, live: lip curves on a sliding window of the speech, exemplars chosen in a short one.

Each block of frames is heard with the second of speech that ends `LOOK_AHEAD` after it. Curves of the frames after the
block are provisional: they steer the choice of exemplars, and are heard again with their own look-ahead.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32
from digital_human.core.landmarks import Indices
from digital_human.core.types import SPEECH_RATE, Arrays, Models, Template
from digital_human.engines.base import Plan, slice_plan
from digital_human.engines.exemplar import (
    lip_geometry,
    own_lips,
    renderer_inputs,
    retargeting,
    retrieval,
    speech_to_lips,
)
from digital_human.engines.exemplar.atlas import Atlas
from digital_human.engines.exemplar.donor import engine as donor
from digital_human.engines.exemplar.speech_to_lips import INSTANTS
from digital_human.engines.live import AHEAD, Cue, LiveMouth

LOOK_AHEAD = 16
"""Instants of speech after a frame that are waited for: 160 ms."""
WINDOW = 100
"""Instants of speech that the network sees at a time. One length only: runtimes compile for each length."""
BLOCK = 2
"""Frames heard at a time, after the first one."""
HISTORY = 5
"""Frames before its own that a choice takes into account, see `retrieval._quiet`."""
REMEMBERED = 1500
"""Frames of speech from which the gain of a session's speaker is measured."""
CLOSING = (0.6, 0.2)
"""Shares of the last opening that are left in the frames in which the mouth is shut."""
_HOP = SPEECH_RATE // INSTANTS


class LipListener:
    """A `Listener`. spoken: apertures of the session's speech so far, to which this utterance adds its own"""

    def __init__(self, analysis: Arrays, fps: Fraction, models: Models, strength: float, spoken: deque[float]) -> None:
        self._limits = np.asarray(analysis["limits"], np.float32)
        self._width_limits = np.asarray(analysis["width_limits"], np.float32)
        self._resting_width = retargeting.resting_width(analysis)
        self._fps, self._models, self._strength = fps, models, strength
        self._spoken = spoken
        self._samples = np.zeros(WINDOW * _HOP, np.float32)
        # Samples of the utterance before and after those in `_samples`; frames whose cues have been given.
        self._dropped, self._heard, self._frames = -WINDOW * _HOP, 0, 0

    def hear(self, samples: Float32) -> list[Cue]:
        self._samples = np.concatenate([self._samples, samples])
        self._heard += len(samples)
        cues = []
        while self._end_of_block() * _HOP <= self._heard:
            cues += self._listen()
        return cues

    def end(self) -> list[Cue]:
        count = math.ceil(Fraction(self._heard, SPEECH_RATE) * self._fps)
        self._samples = np.concatenate([self._samples, np.zeros(WINDOW * _HOP, np.float32)])
        cues = []
        while (left := count - self._frames) > 0:
            cues += self._listen()[:left]
        return cues

    @property
    def _block(self) -> int:
        return BLOCK if self._frames else 1

    def _end_of_block(self) -> int:
        """The instant up to which the next block listens."""
        last = self._frames + self._block - 1
        return math.ceil((last + Fraction(1, 2)) / self._fps * INSTANTS) + LOOK_AHEAD

    def _listen(self) -> list[Cue]:
        """The cues of the next block."""
        end = self._end_of_block()
        self._drop((end - WINDOW) * _HOP)
        curves = speech_to_lips.predict_window(self._samples[: WINDOW * _HOP], self._models)
        frames = self._frames + np.arange(self._block + AHEAD)
        at = (frames + 0.5) * float(INSTANTS / self._fps) - 0.5 - (end - WINDOW)
        lips = speech_to_lips.sample(curves, at)
        count = self._block
        self._spoken.extend(lips.aperture[:count][lips.silence[:count] < 0.5].tolist())
        gain = retargeting.gain_of(np.array(self._spoken, np.float32))
        opening = retargeting.aperture(lips.aperture, lips.silence, self._limits, gain)
        opening = retargeting.strengthened(opening, self._strength, self._limits)
        width = retargeting.width(lips.width, lips.silence, self._width_limits, self._resting_width)
        self._frames += count
        return [Cue(opening[k : k + 1 + AHEAD], width[k : k + 1 + AHEAD]) for k in range(count)]

    def _drop(self, start: int) -> None:
        """Forget the samples before `start` of the utterance."""
        self._samples = self._samples[max(start - self._dropped, 0) :]
        self._dropped = max(start, self._dropped)


class _Mouth:
    """What both kinds of mouth have in common."""

    def __init__(self, analysis: Arrays, fps: Fraction, models: Models, strength: float) -> None:
        self._analysis, self._fps, self._models, self._strength = analysis, fps, models, strength
        self._spoken: deque[float] = deque(maxlen=REMEMBERED)
        shut, width = float(analysis["limits"][0]), retargeting.resting_width(analysis)
        every = np.ones(1 + AHEAD, np.float32)
        self._rest = Cue(shut * every, width * every)

    @property
    def rest(self) -> Cue:
        return self._rest

    def listener(self) -> LipListener:
        return LipListener(self._analysis, self._fps, self._models, self._strength, self._spoken)

    def closing(self, last: Cue) -> list[Cue]:
        left = np.concatenate([np.array(CLOSING, np.float32), np.zeros(1 + AHEAD, np.float32)])
        rest = self._rest
        aperture = rest.aperture[0] + left * max(float(last.aperture[0] - rest.aperture[0]), 0.0)
        width = rest.width[0] + left * (last.width[0] - rest.width[0])
        return [
            Cue(aperture[k : k + 1 + AHEAD].astype(np.float32), width[k : k + 1 + AHEAD].astype(np.float32))
            for k in range(len(CLOSING))
        ]


@dataclass(frozen=True)
class Drawn:
    """The last frame, and what led to it. aperture, width: float32 [HISTORY], the last frame's at the end"""

    exemplar: int
    pose: int
    aperture: Float32
    width: Float32


class ExemplarMouth(_Mouth):
    """A `LiveMouth` of the template's own mouths."""

    def __init__(self, template: Template, analysis: Arrays, models: Models, strength: float) -> None:
        super().__init__(analysis, template.fps, models, strength)
        self._atlas = Atlas.from_arrays(analysis)
        self._change = retrieval.change_costs(self._atlas)
        self._largest = retrieval.largest(self._atlas)
        self._frame_count = template.frame_count
        # Exemplars at rest, found stretch by stretch: template frame -> exemplar.
        self._resting: dict[int, int] = {}

    def at_rest(self, poses: Indices) -> Plan:
        atlas, count = self._atlas, len(poses)
        last = self._frame_count - 1
        around = np.array(
            [[self._resting_in(int(np.clip(pose + k, 0, last))) for k in (-1, 0, 1)] for pose in poses], np.int64
        )
        aperture, width = self._rest_lips(poses)
        split = renderer_inputs.needs_split(atlas, around[:, 1], aperture)
        arrays: dict[str, npt.NDArray[Any]] = {
            "pose": poses,
            "width": width,
            "slow": np.stack([aperture, width], 1),
            "around": around,
            "other": around[:, 1],
            "weight": np.zeros(count, np.float32),
        }
        return Plan(arrays, aperture=aperture, draws=1 + split.astype(np.int64))

    def begin(self, pose: int) -> Drawn:
        every = np.ones(HISTORY, np.float32)
        return Drawn(self._resting_in(pose), pose, self._rest.aperture[0] * every, self._rest.width[0] * every)

    def plan(self, last: Drawn, poses: Indices, cues: Sequence[Cue]) -> list[tuple[Plan, Drawn]]:
        plans = []
        for k, cue in enumerate(cues):
            plan, last = self._next(last, poses[k : k + 1 + AHEAD], cue)
            plans.append((plan, last))
        return plans

    def _next(self, last: Drawn, poses: Indices, cue: Cue) -> tuple[Plan, Drawn]:
        atlas, before = self._atlas, last.exemplar
        wanted = own_lips.approached(atlas.own, cue.aperture, cue.width, poses)
        aperture, width = (np.concatenate(lips) for lips in zip((last.aperture, last.width), wanted, strict=True))
        shown = np.concatenate([[last.pose], poses])
        path = retrieval.choose_next(atlas, self._change, before, aperture, width, HISTORY, shown)
        here, after = int(path[0]), int(path[1])
        cut = retrieval.cuts(atlas, shown[:3])
        chosen = np.array([before, here, after], np.int64)
        near = slice(HISTORY - 1, HISTORY + 2)
        other, weight = retrieval.fades(atlas, chosen, aperture[near], cut)
        around = np.array([[here if cut[1] else before, here, here if cut[2] else after]], np.int64)
        drawn = np.minimum(aperture[HISTORY : HISTORY + 1], self._largest[here])
        split = renderer_inputs.needs_split(atlas, chosen[1:2], drawn)
        jaw = lip_geometry.jaw_curve(np.stack([aperture, width], 1).astype(np.float32))
        arrays: dict[str, npt.NDArray[Any]] = {
            "pose": poses[:1],
            "width": width[HISTORY : HISTORY + 1],
            "slow": jaw[HISTORY : HISTORY + 1],
            "around": around,
            "other": other[1:2],
            "weight": weight[1:2],
        }
        plan = Plan(arrays, aperture=drawn, draws=1 + (split | (weight[1:2] > 0)))
        history = slice(1, HISTORY + 1)
        return plan, Drawn(here, int(poses[0]), aperture[history], width[history])

    def _rest_lips(self, poses: Indices) -> tuple[Float32, Float32]:
        """Aperture and width at rest in template frames, float32 [n] each."""
        every = np.ones(len(poses), np.float32)
        return own_lips.approached(self._atlas.own, self._rest.aperture[0] * every, self._rest.width[0] * every, poses)

    def _resting_in(self, pose: int) -> int:
        """The exemplar that shows the mouth at rest in a template frame."""
        if pose not in self._resting:
            start = pose // retrieval.WINDOW * retrieval.WINDOW
            poses = np.arange(start, min(start + retrieval.WINDOW + retrieval.LOOK_AHEAD, self._frame_count))
            chosen = retrieval.choose(self._atlas, *self._rest_lips(poses), poses)
            for k in range(min(retrieval.WINDOW, len(poses))):
                self._resting[start + k] = int(chosen[k])
        return self._resting[pose]


class DonorMouth(_Mouth):
    """A `LiveMouth` of a template that keeps its own shut. No frame depends on another one."""

    def at_rest(self, poses: Indices) -> Plan:
        aperture, width = np.full(len(poses), self._rest.aperture[0]), np.full(len(poses), self._rest.width[0])
        return donor.arrange(self._analysis, aperture, width, poses)

    def begin(self, pose: int) -> None:
        return None

    def plan(self, last: None, poses: Indices, cues: Sequence[Cue]) -> list[tuple[Plan, None]]:
        aperture, width = (
            np.array([getattr(cue, name)[0] for cue in cues], np.float32) for name in ("aperture", "width")
        )
        plan = donor.arrange(self._analysis, aperture, width, poses[: len(cues)])
        return [(slice_plan(plan, np.array([k])), None) for k in range(len(cues))]


def mouth(template: Template, analysis: Arrays, models: Models, strength: float) -> LiveMouth:
    """The mouth of a session, of the kind that the analysis names."""
    if str(analysis["kind"]) == "donor":
        return DonorMouth(analysis, template.fps, models, strength)
    return ExemplarMouth(template, analysis, models, strength)
