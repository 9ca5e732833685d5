"""The subtitles of a job: made with its plan, kept as an array of it, and laid over its frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Float64
from digital_human.core.types import Arrays, Models
from digital_human.engines.exemplar.speech_to_lips import curves_of
from digital_human.media import SPEECH_RATE, VideoInfo
from digital_human.pipeline.overlay import Overlay, place
from digital_human.subtitles.alignment import Cue, cues_at, cues_of
from digital_human.subtitles.drawing import draw
from digital_human.subtitles.files import written
from digital_human.subtitles.text import units_of

CUES = "cues"
"""Name of their array in a plan."""
_MARGIN = 0.06
"""Below the lines, over the picture's height."""


def find_cues(text: str, speech: Float32, seconds: float, models: Models, words: Float64 | None = None) -> list[Cue]:
    """The subtitles of a speech, of the result's first `seconds`.

    words: start and end of each of `units_of` the text, seconds, [N, 2]; None to find them by the pauses in `speech`
    Raises BadInputError where the text does not fit.
    """
    units = units_of(text)
    # Another version, which stored the times, may part the text otherwise.
    if words is not None and len(words) == len(units) > 0:
        cues = cues_at(units, words, len(speech) / SPEECH_RATE)
    else:
        cues = cues_of(text, np.ascontiguousarray(curves_of(speech, models)[:, 2]))
    return [replace(cue, end=min(cue.end, seconds)) for cue in cues if cue.start < seconds]


def to_array(cues: Sequence[Cue]) -> npt.NDArray[Any]:
    """Subtitles as an array of a plan."""
    return np.array(json.dumps([asdict(cue) for cue in cues]))


def from_array(stored: object) -> list[Cue]:
    """The inverse of `to_array`."""
    return [Cue(cue["start"], cue["end"], cue["text"], tuple(cue["lines"])) for cue in json.loads(str(stored))]


def overlays_at(cues: Sequence[Cue], seconds: float, info: VideoInfo) -> list[Overlay]:
    """What is laid over the frame at this moment."""
    return [_overlay(cue.text, info) for cue in cues if cue.start <= seconds < cue.end]


def subtitle_file(planned: Arrays, kind: str) -> str:
    """The content of the file of subtitles, from what was planned."""
    return written(from_array(planned[CUES]), kind)


@lru_cache(4)
def _overlay(text: str, info: VideoInfo) -> Overlay:
    image = draw(text, info.width, info.height)
    height, width = image.shape[:2]
    top = info.height - round(_MARGIN * info.height) - height
    image = image[max(-top, 0) :, : info.width]
    return place(image, max((info.width - width) // 2, 0), max(top, 0), info)
