"""Real people reading known words, labelled like synthetic speech: GRID's sentences, and a folder of read speech."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from export.speech_to_lips import SpeechToLips
from training.alignment import align, phones_of
from training.clips import Clip
from training.corpus import Spoken
from training.phones import label
from training.synthesis import read_wave
from training.texts import grid_sentence

log = logging.getLogger("training.reading")

Reading = tuple[npt.NDArray[np.float32], list[str]]
"""float32 [samples] at 16 kHz, and the phones that were read."""

DOUBTFUL = 0.03
"""Share of the readings that fit their words least, and are left out: some words were not read as written."""
HELD_OUT_EVERY = 9
"""Every ninth file of a folder is for measuring."""


def readings_of(folder: Path, held_out: bool) -> list[Reading]:
    """NAME.wav, 16 bit mono, with its English words in NAME.txt: those to learn from, or those held out.

    Raises FileNotFoundError where there is no NAME.wav, or one without its words.
    """
    found = sorted(folder.glob("*.wav"))
    wordless = [path.name for path in found if not path.with_suffix(".txt").exists()]
    if not found or wordless:
        raise FileNotFoundError(f"{folder}: " + (f"no words for {wordless[0]}" if wordless else "no NAME.wav"))
    files = [path for n, path in enumerate(found) if (n % HELD_OUT_EVERY == 0) == held_out]
    return [(read_wave(path), phones_of(path.with_suffix(".txt").read_text(), "en-us")) for path in files]


def grid_readings(clips: Iterable[Clip]) -> list[Reading]:
    """The GRID clips among them, whose names end in the code of their sentence."""
    codes = [(clip, re.search(r"_([a-z]{4}[z1-9][a-z])$", clip.name)) for clip in clips]
    return [(clip.audio, phones_of(grid_sentence(code[1]), "en-gb-x-rp")) for clip, code in codes if code]


def labelled(readings: Sequence[Reading], network: SpeechToLips) -> list[Spoken]:
    """Readings with the labels that follow from where `network` hears their phones; the doubtful are left out."""
    fitted = [(audio, *align(network, audio, symbols)) for audio, symbols in readings]
    least = np.percentile([score for _, _, score in fitted], 100 * DOUBTFUL) if fitted else 0
    kept = [Spoken(audio, label(phones, audio)) for audio, phones, score in fitted if score >= least]
    log.info("%d of %d readings, %.0f s", len(kept), len(fitted), sum(len(k.audio) for k in kept) / 16_000)
    return kept
