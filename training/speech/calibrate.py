"""The network's own range: `python -m training.speech.calibrate --clips DIR... --work DIR [--model FILE]`.

A regression is less wide than what it learned from, so the constants that bring its aperture to a person's range
(`digital_human.engines.exemplar.retargeting.STANDARD_APERTURE`) are quantiles of what it *says*, not of lips. This
prints them for the people and the voices of the validation share.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from digital_human.engines.exemplar.speech_to_lips import curves_of
from training.speech.clips import measure_all
from training.speech.evaluate import MODEL, Float32, Local, shut_instants
from training.speech.split import is_natural, read_split
from training.speech.synthesis import Espeak, espeak
from training.speech.texts import TEST_SENTENCES

QUANTILES = (3, 15, 35, 55, 75, 95)
"""Percentiles of speaking: the first stands for a shut mouth, the others for those of a person's `limits`."""


def quantiles(model: Local, recordings: Sequence[Float32]) -> Float32:
    """QUANTILES of the aperture over the instants in which somebody speaks and no lips touch."""
    found = []
    for audio in recordings:
        curves = curves_of(audio, model)
        aperture = curves[:, 0]
        found.append(aperture[(curves[:, 2] < 0.5) & ~shut_instants(aperture)])
    result: Float32 = np.percentile(np.concatenate(found), QUANTILES).astype(np.float32)
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.speech.calibrate", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders of filmed people")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--model", type=Path, default=MODEL)
    given = parser.parse_args(arguments)
    model = Local(given.model)
    clips = measure_all(read_split()["validation"].clips_in(given.clips), given.work / "clips")
    sources = {
        "GRID": [clip.audio for clip in clips if not is_natural(clip.name)],
        "natural": [clip.audio for clip in clips if is_natural(clip.name)],
    }
    for language, text in TEST_SENTENCES.items():
        said = [espeak().say(text, language + variant) for variant in Espeak.VALIDATION_VARIANTS[:2]]
        sources[language] = [one.audio for one in said if one is not None]
    rows = np.stack([quantiles(model, recordings) for recordings in sources.values()])
    for name, row in [*zip(sources, rows, strict=True), ("mean of all", rows.mean(axis=0))]:
        print(f"{name:12}" + "".join(f"{value:8.2f}" for value in row))


if __name__ == "__main__":
    main()
