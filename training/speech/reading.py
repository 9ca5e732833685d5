"""Real people reading known words, labelled like synthetic speech: GRID's sentences, and a folder of read speech.

The folder has one for each language, named as espeak-ng names its voice, and in it one for each reader:

    en-us/lj/metadata.csv           lines of NAME|words, or of NAME|words as written|words as read
    en-us/lj/wavs/NAME.wav
    de/somebody/NAME.flac           or without such a list, each recording with
    de/somebody/NAME.txt            its words beside it
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digital_human.media import read_speech
from export.networks.speech_to_lips import SAMPLE_RATE, SpeechToLips
from training.speech.alignment import align, phones_of
from training.speech.clips import Clip
from training.speech.corpus import Spoken
from training.speech.phones import label
from training.speech.texts import grid_sentence

log = logging.getLogger("training.speech.reading")

Reading = tuple[npt.NDArray[np.float32], list[str]]
"""float32 [samples] at 16 kHz, and the phones that were read."""

RECORDINGS = (".wav", ".flac")
DOUBTFUL = 0.03
"""Share of the readings that fit their words least, and are left out: some words were not read as written."""
HELD_OUT_EVERY = 9
"""Every ninth recording of a reader is for measuring."""


def readers_in(folder: Path) -> dict[str, Path]:
    """LANGUAGE/READER -> that folder. Raises FileNotFoundError where there is none."""
    found = {f"{path.parent.name}/{path.name}": path for path in sorted(folder.glob("*/*")) if path.is_dir()}
    if not found:
        raise FileNotFoundError(f"{folder}: no LANGUAGE/READER")
    return found


def readings_of(reader: Path, held_out: bool) -> list[Reading]:
    """What this folder LANGUAGE/READER has to learn from, or what of it is held out.

    Raises FileNotFoundError where there is no recording, or one without its words.
    """
    listed = _listed(reader)
    found = sorted(path for path in reader.rglob("*") if path.suffix in RECORDINGS)
    words = {path: listed.get(path.stem) or _beside(path) for path in found}
    wordless = [path.name for path, said in words.items() if not said]
    if not found or wordless:
        raise FileNotFoundError(f"{reader}: " + (f"no words for {wordless[0]}" if wordless else "no recordings"))
    files = [path for n, path in enumerate(found) if (n % HELD_OUT_EVERY == 0) == held_out]
    return [(read_speech(path), phones_of(words[path], reader.parent.name)) for path in files]


def _listed(reader: Path) -> dict[str, str]:
    """Name -> words."""
    path = reader / "metadata.csv"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: words.split("|")[-1] for name, _, words in (line.partition("|") for line in lines)}


def _beside(recording: Path) -> str:
    path = recording.with_suffix(".txt")
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def grid_readings(clips: Iterable[Clip]) -> list[Reading]:
    """The GRID clips among them, whose names end in the code of their sentence."""
    codes = [(clip, re.search(r"_([a-z]{4}[z1-9][a-z])$", clip.name)) for clip in clips]
    return [(clip.audio, phones_of(grid_sentence(code[1]), "en-gb-x-rp")) for clip, code in codes if code]


def labelled(readings: Sequence[Reading], network: SpeechToLips) -> list[Spoken]:
    """Readings with the labels that follow from where `network` recognises their phones, without the doubtful ones."""
    fitted = [(audio, *align(network, audio, symbols)) for audio, symbols in readings]
    least = np.percentile([score for _, _, score in fitted], 100 * DOUBTFUL) if fitted else 0
    kept = [Spoken(audio, label(phones, audio)) for audio, phones, score in fitted if score >= least]
    log.info("%d of %d readings, %.0f s", len(kept), len(fitted), sum(len(k.audio) for k in kept) / SAMPLE_RATE)
    return kept
