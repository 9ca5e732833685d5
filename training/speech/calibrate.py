"""The network's own range: `python -m training.speech.calibrate --clips DIR --work DIR [--weights FILE]`.

A regression is less wide than what it learned from, so the constants that bring its aperture to a person's range
(`engines.exemplar.retargeting.STANDARD_APERTURE`) are quantiles of what it *says*, not of lips. This prints them for
every source: held-out people, natural speech, and the test sentences in unheard synthetic voices of each language.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.networks.speech_to_lips import WEIGHTS, load
from training.speech.clips import measure_all
from training.speech.evaluate import NATURAL, Float32, Heard, hear, spoken_test, test_clips
from training.speech.texts import TEST_SENTENCES

QUANTILES = (3, 15, 35, 55, 75, 95)
"""Percentiles of speaking: the first stands for a shut mouth, the others for those of a person's `limits`."""


def quantiles(heard: Sequence[Heard]) -> Float32:
    """QUANTILES of the aperture of recordings over the instants in which somebody speaks and no lips touch."""
    said = [h.lips[(h.silence < 0.5) & (h.closure < 0.5), 0] for h in heard]
    result: Float32 = np.percentile(np.concatenate(said), QUANTILES).astype(np.float32)
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.speech.calibrate", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder with grid/ and us/")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    given = parser.parse_args(arguments)
    network, _ = load(given.weights)
    clips = measure_all(test_clips(given.clips), given.work / "clips")
    sources = {
        "GRID": [hear(network, clip.audio) for clip in clips if clip.name not in NATURAL],
        "natural": [hear(network, clip.audio) for clip in clips if clip.name in NATURAL],
    }
    for language in TEST_SENTENCES:
        sources[language] = [hear(network, said.audio) for said in spoken_test(language)]
    rows = np.stack([quantiles(heard) for heard in sources.values()])
    for name, row in [*zip(sources, rows, strict=True), ("mean of all", rows.mean(axis=0))]:
        print(f"{name:12}" + "".join(f"{value:8.2f}" for value in row))


if __name__ == "__main__":
    main()
