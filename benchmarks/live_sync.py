"""How well the lips of a live session follow those that a file gets: r of the curves that are drawn.

A session hears speech in a window of a second with 160 ms of what follows; a file is heard as a whole. Beside that, the
same window over speech that is there at once: chunks must make no difference.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.pipeline_fixture import pipeline_context
from digital_human.core.frame import Float32
from digital_human.core.looping import loop_frames
from digital_human.core.types import SPEECH_RATE
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.media import read_speech
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.templates import PreparedTemplate, prepare_template

CHUNK = SPEECH_RATE // 25
SECONDS = 12
"""Of each speech, its beginning."""


def follow(template: Path, speeches: Sequence[Path]) -> dict[str, float]:
    """r of a live session's curve with that of the file, of each speech, and the least with the same window's over all
    of it at once."""
    engine, whole, at_once = DefaultEngine(), list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder, pipeline_context(Path(folder)) as context:
        prepared = prepare_template(template, engine, context, lambda share: None)
        for speech in speeches:
            samples = read_speech(speech)[: SECONDS * SPEECH_RATE]
            count = int(len(samples) * prepared.template.fps / SPEECH_RATE)
            poses = loop_frames(prepared.template.frame_count, count)
            plan = engine.plan(prepared.template, prepared.analysis, samples, poses, context.models)
            assert plan.aperture is not None
            live, windowed = (_heard(engine, prepared, context, samples, size) for size in (CHUNK, len(samples)))
            whole.append(_r(live, plan.aperture))
            at_once.append(_r(live, windowed))
    each = {speech.stem: round(r, 3) for speech, r in zip(speeches, whole, strict=True)}
    return {**each, "mean": round(float(np.mean(whole)), 3), "with_windowed": round(min(at_once), 4)}


def _heard(
    engine: DefaultEngine, prepared: PreparedTemplate, context: PipelineContext, samples: Float32, size: int
) -> Float32:
    """The curve of a session to which speech comes in chunks of so many samples."""
    listener = engine.live(prepared.template, prepared.analysis, context.models).listener()
    cues = [cue for k in range(0, len(samples), size) for cue in listener.hear(samples[k : k + size])]
    return np.array([cue.aperture[0] for cue in cues + listener.end()], np.float32)


def _r(one: Float32, other: Float32) -> float:
    count = min(len(one), len(other))
    return float(np.corrcoef(one[:count], other[:count])[0, 1])
