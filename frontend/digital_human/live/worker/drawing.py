"""Draws the frames of a session: the person speaking where there is speech, and at rest where there is none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from digital_human.core.frame import Frame
from digital_human.core.landmarks import Indices
from digital_human.engines.base import Plan
from digital_human.engines.live import AHEAD, Cue, LiveMouth
from digital_human.errors import UnavailableError
from digital_human.live.messages import Idle
from digital_human.live.worker.clock import MOST_AHEAD, Clock, Picture
from digital_human.live.worker.frames import TemplateFrames
from digital_human.live.worker.look import Looker
from digital_human.live.worker.rest import RestPictures
from digital_human.live.worker.speech import Speech, SpeechFrame
from digital_human.pipeline.drawing import Drawing
from digital_human.pipeline.overlay import Overlay, apply_overlays

log = logging.getLogger(__name__)

DRAWN_TOGETHER = 2
"""Frames that wait for their time when further ones are drawn: fewer batches, and a batch of one at the start."""
REST_AHEAD = 8
"""Frames at rest that are drawn before their time, while nothing else is to be done."""
LAST_MOMENT = 0.010
"""Seconds before a frame is due, in which speech that came late is no longer waited for."""


@dataclass(frozen=True)
class Place:
    """Where drawing continues.

    step:    of the last frame, see `TemplateFrames`
    state:   of the engine's mouth; None at rest
    cue:     of the last frame; None at rest
    closing: cues that are left until the mouth is at rest; None where it was not begun to be shut
    """

    step: int = -1
    state: Any = None
    cue: Cue | None = None
    closing: tuple[Cue, ...] | None = None


class Drawer:
    """Draws for one session; `run` is its thread.

    dropped:    pictures left out because drawing fell behind
    is_watched: whether anybody sees the pictures; otherwise none are drawn
    """

    def __init__(
        self,
        drawing: Drawing,
        mouth: LiveMouth,
        frames: TemplateFrames,
        speech: Speech,
        clock: Clock[Place],
        idle: Idle,
        overlays: Sequence[Overlay],
        looker: Looker | None = None,
    ) -> None:
        self._drawing, self._mouth, self._frames = drawing, mouth, frames
        self._speech, self._clock, self._idle, self._overlays = speech, clock, idle, list(overlays)
        self._looker = looker
        self._resting = RestPictures()
        self.dropped = 0
        self.is_watched = False

    def warm_up(self) -> None:
        """Draw the first frames at rest, so that the networks are ready for this template."""
        self._prepare_rest(0)

    def run(self) -> None:
        """Draw until the clock is closed. Raises what drawing raises, except while Triton is away."""
        place, generation = self._clock.last, 0
        while not self._clock.is_closed:
            try:
                with self._clock.changed:
                    if generation != self._clock.generation:
                        place, generation = self._clock.last, self._clock.generation
                    spoken = self._wait(place)
                    if generation != self._clock.generation:
                        continue
                if spoken is None:
                    self._prepare_rest(place.step + 1)
                    continue
                pictures = self._draw_speech(place, spoken) if spoken else self._draw_idle(place)
            except UnavailableError as error:
                log.warning("the picture holds: %s", error)
                continue
            if self._clock.put(pictures, generation):
                place = pictures[-1].after

    def _wait(self, place: Place) -> list[SpeechFrame] | None:
        """The speech to be drawn next; empty where the person rests; None where there is time to prepare that."""
        clock, speech = self._clock, self._speech
        generation = clock.generation
        while not clock.is_closed:
            if generation != clock.generation:
                return None
            waiting = len(clock)
            if waiting < DRAWN_TOGETHER:
                # The first frame of an utterance is drawn alone, as that is sooner.
                spoken = speech.take(MOST_AHEAD - waiting if speech.is_underway else 1)
                if spoken:
                    return spoken
            if place.cue is not None and waiting < DRAWN_TOGETHER and not speech.is_waiting:
                # The mouth is to be shut in time.
                return []
            if not waiting:
                if not speech.is_underway:
                    return []
                if clock.until_due() < LAST_MOMENT:
                    speech.came_late()
                    return []
            elif self._may_prepare(place):
                return None
            clock.changed.wait(0.005 if speech.is_waiting else 0.1)
        return []

    def _draw_speech(self, place: Place, spoken: list[SpeechFrame]) -> list[Picture[Place]]:
        """Pictures of speech. Those that are too late already are left out, and their sound goes out alone."""
        late = 0 if self.is_watched else len(spoken)
        if self.is_watched and self._clock.until_due(MOST_AHEAD) < 0:
            late = len(spoken) - 1
            self.dropped += late
        silent = [self._unseen(place, frame, k + 1) for k, frame in enumerate(spoken[:late])]
        if silent:
            place = silent[-1].after
        seen = spoken[late:]
        if not seen:
            return silent
        drawn = self._draw(place, [frame.cue for frame in seen])
        return silent + [
            Picture(frame, of.pcm, of.utterance, of.index, of.is_last, of.began, after)
            for of, (frame, after) in zip(seen, drawn, strict=True)
        ]

    def _unseen(self, place: Place, frame: SpeechFrame, steps: int) -> Picture[Place]:
        after = replace(place, step=place.step + steps)
        if not self.is_watched:
            after = Place(after.step)
        return Picture(None, frame.pcm, frame.utterance, frame.index, frame.is_last, frame.began, after)

    def _draw_idle(self, place: Place) -> list[Picture[Place]]:
        """The next picture at rest, or of the mouth that shuts: one at a time, as the first of them is sooner then."""
        moves = self._idle == "loop"
        if not self.is_watched:
            return [self._silent(None, Place(place.step + moves))]
        if place.cue is not None:
            closing = tuple(self._mouth.closing(place.cue)) if place.closing is None else place.closing
            if closing:
                ((frame, after),) = self._draw(place, closing[:1])
                return [self._silent(frame, replace(after, closing=closing[1:]))]
        step = max(place.step + moves, 0)
        pose = self._frames.pose(step)
        if pose not in self._resting:
            self._rest([step])
        frame = self._resting.picture(pose, self._frames.frame(step))
        return [self._silent(apply_overlays(frame, self._overlays), Place(step))]

    def _silent(self, frame: Frame | None, after: Place) -> Picture[Place]:
        return Picture(frame, b"", 0, 0, False, 0.0, after)

    def _draw(self, place: Place, cues: Sequence[Cue]) -> list[tuple[Frame, Place]]:
        step = place.step + 1
        poses = self._frames.poses(step, len(cues) + AHEAD)
        state = place.state
        if state is None:
            state = self._mouth.begin(self._frames.pose(max(place.step, 0)))
        planned = self._mouth.plan(state, poses, cues)
        plan = _joined([plan for plan, _ in planned])
        templates = [self._frames.frame(step + k) for k in range(len(cues))]
        drawn = self._drawing.draw(plan, poses[: len(cues)], templates)
        self._offer(poses, templates, drawn, plan)
        return [
            (apply_overlays(frame, self._overlays), Place(step + k, after, cue))
            for k, (frame, (_, after), cue) in enumerate(zip(drawn, planned, cues, strict=True))
        ]

    def _offer(self, poses: Indices, templates: Sequence[Frame], drawn: Sequence[Frame], plan: Plan) -> None:
        """Have pictures of speech looked at later."""
        if self._looker is None:
            return
        for k, (template, frame) in enumerate(zip(templates, drawn, strict=True)):
            if self._drawing.shown[poses[k]]:
                aperture = None if plan.aperture is None else float(plan.aperture[k])
                self._looker.offer(int(poses[k]), template, frame, aperture)

    def _missing(self, start: int) -> list[int]:
        """Steps of the next pictures at rest that are not drawn."""
        steps = range(start, start + (REST_AHEAD if self._idle == "loop" else 1))
        return [step for step in steps if self._frames.pose(step) not in self._resting]

    def _may_prepare(self, place: Place) -> bool:
        is_free = self.is_watched and place.cue is None and not self._speech.is_waiting
        return is_free and bool(self._missing(place.step + 1))

    def _prepare_rest(self, start: int) -> None:
        self._rest(self._missing(start)[:DRAWN_TOGETHER])

    def _rest(self, steps: Sequence[int]) -> None:
        if not steps:
            return
        poses = np.array([self._frames.pose(step) for step in steps], np.int64)
        templates = [self._frames.frame(step) for step in steps]
        drawn = self._drawing.draw(self._mouth.at_rest(poses), poses, templates)
        for pose, template, frame in zip(poses.tolist(), templates, drawn, strict=True):
            self._resting.add(pose, template, frame)


def _joined(plans: Sequence[Plan]) -> Plan:
    """Plans of single frames as one."""
    names = plans[0].arrays
    arrays = {name: np.concatenate([plan.arrays[name] for plan in plans]) for name in names}
    aperture = np.concatenate([plan.aperture for plan in plans if plan.aperture is not None])
    draws = np.concatenate([plan.draws for plan in plans if plan.draws is not None])
    return Plan(arrays, aperture=aperture, draws=draws)
