"""Draws the frames of a plan. Reading and rendering each run in their own threads, joined by short queues."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import accumulate, islice

import numpy as np

from digital_human.core.alpha import over
from digital_human.core.batching import MIN_BATCH, batch_sizes, batched
from digital_human.core.concurrency import ordered_map, prefetch
from digital_human.core.frame import Frame
from digital_human.engines.base import CanRedraw, Engine, slice_plan
from digital_human.inspection.inspector import Inspector, looked_at
from digital_human.pipeline.background import lay_behind
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.drawing import Drawing
from digital_human.pipeline.giving_way import Drawn, fade, near_passed
from digital_human.pipeline.output import resized
from digital_human.pipeline.overlay import apply_overlays
from digital_human.pipeline.plan import RenderPlan
from digital_human.pipeline.subtitles import overlays_at

_BATCH_BYTES = 12 * 2**20
"""Large frames go in smaller batches, of about this many bytes. About six batches are held at a time."""
_RENDER_THREADS = 2
"""Batches rendered at a time: while one is in the networks, the next is cropped and the last is inserted."""


def inspector_of(plan: RenderPlan, engine: Engine, context: PipelineContext) -> Inspector:
    """What looks at the frames of this video. It holds its findings once they are drawn."""
    prepared = plan.prepared
    drawn = Drawing(prepared, engine, context.models).shown[plan.frame_indices]
    aperture = plan.engine_plan.aperture
    # The thresholds for lips and teeth were chosen on frames of an engine that can draw them again.
    person = prepared.person if isinstance(engine, CanRedraw) else None
    chosen = looked_at(context.inspect, drawn, aperture)
    return Inspector(prepared.template, person, context.models, chosen, drawn)


def render_frames(
    plan: RenderPlan,
    engine: Engine,
    context: PipelineContext,
    start: int,
    stop: int,
    inspector: Inspector | None = None,
) -> Generator[Frame, None, None]:
    """Output frames start .. stop-1. Threads render a few ahead, until the generator ends or is closed.

    inspector: of the whole video; None if nobody looks
    """
    batches = prefetch(_batches(plan, engine, context, start, stop, inspector), 1, "render")
    try:
        for number, frame in enumerate(fade(one for batch in batches for one in batch), start):
            subtitles = overlays_at(plan.burnt, float((number + 0.5) / plan.info.fps), plan.info)
            yield apply_overlays(frame, [*plan.overlays, *subtitles])
    finally:
        batches.close()


def with_progress(frames: Iterable[Frame], count: int, on_progress: Callable[[float], None]) -> Iterator[Frame]:
    """The first `count` frames. Before each, `on_progress` gets the share of them that came before it."""
    for index, frame in enumerate(islice(frames, count)):
        on_progress(index / count)
        yield frame


def _batches(
    plan: RenderPlan,
    engine: Engine,
    context: PipelineContext,
    start: int,
    stop: int,
    inspector: Inspector | None,
) -> Generator[list[Drawn], None, None]:
    """Batches of rendered frames."""
    prepared, indices = plan.prepared, plan.frame_indices
    drawing = Drawing(prepared, engine, context.models)

    def finished(frame: Frame, shown: Frame) -> Frame:
        """As in the output. shown: the template's frame"""
        if plan.background is not None:
            frame = lay_behind(frame, plan.background)
        if prepared.info.alpha:
            frame = replace(frame, alpha=shown.alpha)
        if plan.behind is not None:
            frame = over(frame, plan.behind.planes)
        return resized(frame, plan.info.width, plan.info.height, plan.fit)

    def render(numbered: tuple[int, list[Frame]]) -> list[Drawn]:
        first, batch = numbered
        frames = np.arange(first, first + len(batch))
        planned = slice_plan(plan.engine_plan, frames)
        drawn, passed = drawing.inspected(inspector, frames, planned, indices[frames], batch)
        near = near_passed(len(batch), passed) & (inspector is not None)
        return [
            Drawn(finished(frame, shown), k in passed, partial(finished, shown, shown) if near[k] else None)
            for k, (frame, shown) in enumerate(zip(drawn, batch, strict=True))
        ]

    frames = prepared.reader.play(indices[start:stop])
    draws = np.ones(plan.length, np.int64) if plan.engine_plan.draws is None else plan.engine_plan.draws
    draws = draws[start:stop] * drawing.shown[indices[start:stop]]
    largest = min(context.batch_size, max(_BATCH_BYTES // prepared.info.frame_bytes, MIN_BATCH))
    sizes = batch_sizes(draws, largest)
    read = prefetch(batched(frames, sizes), 1, "read")
    try:
        yield from ordered_map(
            zip(accumulate(sizes, initial=start), read, strict=False), render, _RENDER_THREADS, "render"
        )
    finally:
        read.close()
