"""The table of the audio model's scores: what is counted, and over whom."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")
pytest.importorskip("torch")

from benchmarks.lip_closure import shut_wrongly
from benchmarks.speech_scores import closure_lines, over_people, rest_lines
from export.networks.spectra import PHONEMES
from training.speech.phones import Labels


def test_a_person_counts_once() -> None:
    count, mean, low, high = over_people([("s1_aaaa", 0.2), ("s1_bbbb", 0.4), ("x_cccc", 0.9)])
    assert count == 2 and mean == pytest.approx(0.6)
    assert low == pytest.approx(0.3) and high == pytest.approx(0.9)


def test_other_sounds_are_shut_wrongly_away_from_closures_and_pauses() -> None:
    said = ("silence", "open", "velar", "bilabial", "velar", "open", "velar", "open", "silence")
    phonemes = np.repeat([PHONEMES.index(name) for name in said], 20)
    closure = (phonemes == PHONEMES.index("bilabial")).astype(np.float32)
    labels = Labels(phonemes, closure, (phonemes == 0).astype(np.float32))
    aperture = np.full(45, 0.3)
    aperture[:5] = aperture[-5:] = aperture[15:20] = 0
    assert shut_wrongly(aperture, 25, labels, 0.0) == {"others": 6, "wrong": 0}
    aperture[27] = 0
    assert shut_wrongly(aperture, 25, labels, 0.0) == {"others": 6, "wrong": 1}


def test_the_worst_language_stands_beside_the_mean() -> None:
    row = {"sounds": 10, "touching": 10, "pauses": 2, "closed": 2, "others": 20, "wrong": 0}
    bad = row | {"touching": 8, "wrong": 1}
    rows = [{"language": "de"} | row, {"language": "fr"} | bad]
    rows.append({"language": "all"} | {name: row[name] + bad[name] for name in row})
    lines = closure_lines(rows)
    assert lines[0] == "| p, b, m shut, drawn, mesh, % | 20 in 2 languages | 90.0 | worst fr: 80 |"
    assert lines[1] == "| other sounds shut wrongly, drawn, mesh, % | 40 in 2 languages | 2.5 | worst fr: 5 |"
    assert len(lines) == 3


def test_rest_is_shown_with_its_extremes() -> None:
    (line,) = rest_lines([{"talker": "a", "silence LipLeak": 0.0}, {"talker": "b", "silence LipLeak": 0.5}])
    assert line == "| silence LipLeak | 2 people | 0.250 | 0.000 to 0.500, all |"
