"""How well the lips of a live session follow those that a file gets: r of the curves that are drawn.

A session hears speech in a window of a second with 160 ms of what follows; a file is heard as a whole. Beside that, the
same window over speech that is there at once: chunks must make no difference.
"""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

import numpy as np

from benchmarks.pipeline_fixture import pipeline_context
from digital_human.core.types import SPEECH_RATE
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.media.live import SpeechResampler
from digital_human.pipeline.pipeline import RenderJob, generate_video
from digital_human.pipeline.templates import prepare_template

CHUNK = SPEECH_RATE // 25


def follow(template: Path, speech: Path) -> dict[str, float]:
    """r of a live session's curve with that of the file, and with the same window's over all of it at once."""
    engine = DefaultEngine()
    with wave.open(str(speech)) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    resampler = SpeechResampler(rate)
    samples = np.concatenate([resampler.push(pcm), resampler.end()])
    with tempfile.TemporaryDirectory() as folder, pipeline_context(Path(folder)) as context:
        whole = generate_video(RenderJob(speech, template, Path(folder, "whole.mp4")), engine, context).aperture
        prepared = prepare_template(template, engine, context, lambda share: None)
        curves = []
        for size in (CHUNK, len(samples)):
            listener = engine.live(prepared.template, prepared.analysis, context.models).listener()
            cues = [c for k in range(0, len(samples), size) for c in listener.hear(samples[k : k + size])]
            curves.append(np.array([cue.aperture[0] for cue in cues + listener.end()]))
    assert whole is not None
    live, windowed = curves
    count = min(len(whole), len(live), len(windowed))
    return {
        "r_with_file": round(float(np.corrcoef(live[:count], whole[:count])[0, 1]), 3),
        "r_with_windowed": round(float(np.corrcoef(live[:count], windowed[:count])[0, 1]), 4),
    }
