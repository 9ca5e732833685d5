"""How far are subtitles of a spoken text that are timed by ear from those with the voice's own times?

    python -m benchmarks.subtitle_times --out FOLDER

Kokoro says short texts in English and Mandarin. Each word is looked for by the pauses of the sound, as in a recording,
and by the lengths of the phones, which are right to 25 ms.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr

from benchmarks.phone_times import CHOOSING, REPORTING
from digital_human.core.frame import Float64
from digital_human.core.types import SPEECH_RATE
from digital_human.engines.exemplar.speech_to_lips import curves_of
from digital_human.pipeline.words import times_of_words
from digital_human.runtime.context import build_context, make_folders
from digital_human.runtime.triton import triton_for
from digital_human.settings import Settings
from digital_human.speech import model
from digital_human.speech.kokoro import MODEL as KOKORO
from digital_human.speech.kokoro import RATE
from digital_human.speech.speaker import LocalSpeaker, SpokenText, speak
from digital_human.speech.voices import VOICES
from digital_human.subtitles.alignment import align, cues_at, stretches
from digital_human.subtitles.text import Unit, units_of
from digital_human.triton import repository

NUMBERS = {
    "am_michael": ["In 1999, it cost $3,250. Papa paid.", "The train leaves at 7:45 pm. Hurry up!"],
    "zf_xiaoyi": ["一九九九年，它花了3250元。爸爸付了。", "2026年11月30日，气温-3℃。多穿衣服。"],
}
"""Texts of which numbers take most."""


def texts() -> list[tuple[str, str]]:
    """Voices, and what they say: the sentences of each in one text."""
    found = [(voice, " ".join(said)) for some in (CHOOSING, REPORTING) for voice, said in some.items()]
    return [*found, *((voice, text) for voice, said in NUMBERS.items() for text in said)]


def sentence_starts(units: Sequence[Unit], times: Float64, seconds: float) -> list[float]:
    """When the subtitles that end a sentence begin."""
    return [cue.start for cue in cues_at(units, times, seconds) if cue.text[-1] in ".!?。！？"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    settings = Settings(base_path=parser.parse_args().out)
    make_folders(settings)
    if not model.is_installed(*settings.model_repositories):
        model.install(settings.model_repositories[1])
    words: dict[str, list[float]] = defaultdict(list)
    cues: dict[str, list[float]] = defaultdict(list)
    with triton_for(settings) as triton:
        models = build_context(settings, triton.url).models
        repository.ensure_loaded(triton.url, KOKORO)
        for voice, text in texts():
            pieces = list(speak(SpokenText(text, voice), LocalSpeaker(triton.url, text)))
            sound = np.concatenate([piece.audio for piece in pieces])
            units, language = units_of(text), VOICES[voice].language
            known = times_of_words(text, language, [piece.phones(RATE) for piece in pieces])
            heard = curves_of(np.asarray(soxr.resample(sound, RATE, SPEECH_RATE), np.float32), models)
            found = align(units, stretches(np.ascontiguousarray(heard[:, 2])))
            words[language[:2]] += np.abs(found[:, 0] - known[:, 0]).tolist()
            shown, late = (sentence_starts(units, times, len(sound) / RATE) for times in (known, found))
            if len(shown) == len(late):
                cues[language[:2]] += np.abs(np.array(shown) - np.array(late)).tolist()
            print(voice, text, np.round(np.abs(found[:, 0] - known[:, 0]).max(), 2), shown, late, flush=True)
    for name, differences in (("words", words), ("subtitles", cues)):
        for language, seconds in differences.items():
            mean, largest = 1000 * np.mean(seconds), 1000 * np.max(seconds)
            print(f"{name}, {language} ({len(seconds)}): {mean:.0f} ms on average, {largest:.0f} ms at most")


if __name__ == "__main__":
    main()
