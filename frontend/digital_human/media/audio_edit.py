"""What is done to the audio of a result: rest before it, and an even loudness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph

from digital_human.core.frame import Float32
from digital_human.media.audio import decode_audio

PEAK = -1.5
"""Largest sample after the loudness was changed, dB of full scale: AAC overshoots by about as much."""
_GATE = -70.0
"""LUFS that the meter shows where nothing is loud enough to be measured."""


@dataclass(frozen=True)
class AudioEdit:
    """lead: seconds of silence before the audio; loudness: LUFS as of EBU R128, None to leave it as it is"""

    lead: float = 0.0
    loudness: float | None = None


def edited_audio(path: Path, rate: int, layout: str, edit: AudioEdit) -> Iterator[Float32]:
    """Chunks of float32 [channels, samples], as `decode_audio` has them."""
    if edit.lead:
        yield np.zeros((1 if layout == "mono" else 2, round(edit.lead * rate)), np.float32)
    measured = None
    if edit.loudness is not None:
        measured = loudness_of(decode_audio(path, rate, layout), rate, layout)
    chunks = decode_audio(path, rate, layout)
    if edit.loudness is None or measured is None:
        yield from chunks
        return
    gain, limit = 10 ** ((edit.loudness - measured) / 20), 10 ** (PEAK / 20)
    # Without a level control of its own, and without a delay.
    limiter = ("alimiter", f"level_in={gain:.6f}:limit={limit:.6f}:level=0:latency=1")
    for frame in _filtered(chunks, rate, layout, limiter, ("aformat", "sample_fmts=fltp")):
        yield frame.to_ndarray().astype(np.float32, copy=False)


def loudness_of(chunks: Iterable[Float32], rate: int, layout: str) -> float | None:
    """Integrated loudness, LUFS; None for silence and for less than the 0.4 s that can be measured."""
    measured = _GATE
    for frame in _filtered(chunks, rate, layout, ("ebur128", "metadata=1")):
        measured = float(frame.metadata.get("lavfi.r128.I", measured))
    return measured if measured > _GATE else None


def _filtered(chunks: Iterable[Float32], rate: int, layout: str, *filters: tuple[str, str]) -> Iterator[AudioFrame]:
    """The audio after FFmpeg's filters, each a name and its arguments."""
    graph, sent = Graph(), 0
    source = graph.add_abuffer(sample_rate=rate, format="fltp", layout=layout, time_base=Fraction(1, rate))
    nodes = [source, *(graph.add(name, arguments) for name, arguments in filters), graph.add("abuffersink")]
    for one, next_one in pairwise(nodes):
        one.link_to(next_one)
    graph.configure()
    for chunk in chunks:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(chunk), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, sent, Fraction(1, rate)
        sent += chunk.shape[1]
        graph.push(frame)
        yield from _ready(graph)
    graph.push(None)
    yield from _ready(graph)


def _ready(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, EOFError):
            return
        assert isinstance(frame, AudioFrame)
        yield frame
