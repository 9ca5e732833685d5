"""How well the network predicts lips from speech.

    python -m training.speech.evaluate --clips DIR --work DIR [--read DIR] [--weights FILE]

Three tables. *Correlation*: Pearson's r of predicted and measured lips, per clip; natural speech is compared at the
clip's own constant offset, GRID at lag 0. *Closure*: on synthetic speech of known phone times, in voices that were
not trained on, the share of p, b, m whose predicted aperture shuts within 40 ms, with and without the closure output
drawing it down; the share of other consonants and vowels that the closure output takes for one; and the share of
long pauses at rest. *Reading*: the same of the closure output in real speech of known words, GRID's held-out clips and
files of the folder of read speech that were not trained on, where the phones are found by the network that has heard
synthetic speech alone (`phonemes.npz` of the work folder); and the share of instants whose phoneme class is told.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from export.networks.speech_to_lips import LIPS, SAMPLE_RATE, WEIGHTS, SpeechToLips, load
from training.speech.clips import Clip, measure_all
from training.speech.phones import BILABIAL, RATE, SILENCE, UNKNOWN, Phone, classes_of, label
from training.speech.reading import Reading, grid_readings, labelled, readers_in, readings_of
from training.speech.synthesis import Espeak, Utterance, espeak
from training.speech.texts import TEST_SENTENCES, UNHEARD_LANGUAGES
from training.speech.train import HELD_OUT

Float32 = npt.NDArray[np.float32]

NATURAL = ("hdtf_wda_aoc", "hdtf_wda_menendez", "hdtf_rd_radio2", "congress_60s")
"""Clips of natural speech for measuring only."""
LARGEST_LAG = 6
"""Frames either way in which a natural clip's own offset is searched."""
TOLERANCE = 0.04
SHUT = 0.1
"""Share of the utterance's range of aperture below which lips touch."""
LONG_PAUSE = 0.3
CLOSING, RESTING = (0.35, 0.6), (0.3, 0.7)
"""Probabilities of closure and of silence between which the aperture is drawn down to a shut mouth."""


@dataclass(frozen=True)
class Heard:
    """Lips [T, len(LIPS)]; probabilities of closure and silence [T] and phonemes [T, len(PHONEMES)]."""

    lips: Float32
    closure: Float32
    silence: Float32
    phonemes: Float32

    def gated_aperture(self, closed: float) -> Float32:
        """Aperture [T] drawn down to `closed` as far as closure or silence is sure: what a renderer should use."""
        open_ = (1 - ramp(self.closure, *CLOSING)) * (1 - ramp(self.silence, *RESTING))
        return (closed + np.maximum(self.lips[:, 0] - closed, 0) * open_).astype(np.float32)


def ramp(probability: Float32, low: float, high: float) -> Float32:
    """0 below `low`, 1 above `high`, a straight line between."""
    return np.clip((probability - low) / (high - low), 0, 1)


@torch.no_grad()
def hear(network: SpeechToLips, audio: Float32) -> Heard:
    told = network(torch.from_numpy(audio)[None])
    return Heard(
        told.lips[0].numpy(),
        told.closure[0, :, 0].sigmoid().numpy(),
        told.silence[0, :, 0].sigmoid().numpy(),
        told.phonemes[0].softmax(dim=1).numpy(),
    )


def correlation(predicted: Float32, clip: Clip, measured: Float32, largest_lag: int) -> tuple[float, int]:
    """The best r of a 100 Hz curve and one measure at the video frames, and its lag in frames (sound late: positive).

    Frames within a quarter of a second of either end are left out.
    """
    period = float(np.median(np.diff(clip.times)))
    instants = (np.arange(len(predicted)) + 0.5) / RATE
    used = np.isfinite(measured) & (clip.times > 0.25) & (clip.times < clip.times[-1] - 0.25)
    return max(
        (float(np.corrcoef(np.interp(clip.times[used] + lag * period, instants, predicted), measured[used])[0, 1]), lag)
        for lag in range(-largest_lag, largest_lag + 1)
    )


def correlations(network: SpeechToLips, clips: Iterable[Clip], closed: float) -> None:
    """Print one line a clip."""
    print(f"{'clip':24}{'lag':>4}{'gated':>8}" + "".join(f"{name:>12}" for name in LIPS))
    rows: dict[bool, list[list[float]]] = {}
    for clip in clips:
        natural = clip.name in NATURAL
        heard = hear(network, clip.audio)
        gated, lag = correlation(heard.gated_aperture(closed), clip, clip.lips[:, 0], LARGEST_LAG if natural else 0)
        moved = Clip(clip.name, clip.speaker, clip.audio, clip.times + lag * np.median(np.diff(clip.times)), clip.lips)
        plain = [correlation(heard.lips[:, k], moved, clip.lips[:, k], 0)[0] for k in range(len(LIPS))]
        rows.setdefault(natural, []).append([gated, *plain])
        print(f"{clip.name:24}{lag:4}{gated:8.2f}" + "".join(f"{r:12.2f}" for r in plain))
    for natural, found in rows.items():
        mean = np.mean(found, axis=0)
        name = "mean, natural speech" if natural else "mean, GRID"
        print(f"{name:28}{mean[0]:8.2f}" + "".join(f"{r:12.2f}" for r in mean[1:]))


@dataclass
class Count:
    """How many of how many."""

    hits: int = 0
    of: int = 0

    def add(self, hit: bool) -> None:
        self.hits += hit
        self.of += 1

    def __str__(self) -> str:
        return f"{100 * self.hits / self.of:6.1f} ({self.of})" if self.of else "-"


def shut_instants(aperture: Float32, closed: float) -> npt.NDArray[np.bool_]:
    """bool [T]: where an aperture is in the lowest tenth of its range, which begins at `closed` at the latest."""
    low, high = min(closed, float(aperture.min())), float(np.percentile(aperture, 98))
    return aperture < low + SHUT * (high - low)


def closure_counts(heard: Heard, said: Utterance, closed: float) -> tuple[Count, Count, Count, Count]:
    """Bilabials shut, the same without gating, other phones taken for one, long pauses at rest."""
    shut = shut_instants(heard.gated_aperture(closed), closed)
    plain = shut_instants(heard.lips[:, 0], closed)
    bilabials, ungated, others, pauses = Count(), Count(), Count(), Count()
    labels = label(said.phones, said.audio)
    near = round(TOLERANCE * RATE)
    touching = np.flatnonzero(np.diff(np.concatenate([[0], labels.closure == 1, [0]]).astype(int)))
    for first, last in zip(touching[::2], touching[1::2], strict=True):
        around = slice(max(0, first - near), last + near)
        bilabials.add(bool(shut[around].any()))
        ungated.add(bool(plain[around].any()))
    away = np.convolve(labels.closure != 0, np.ones(2 * near + 1), "same") == 0
    for phone in said.phones:
        middle = round((phone.start + phone.end) / 2 * RATE)
        kinds = classes_of(phone.symbol)
        if kinds and BILABIAL not in kinds and middle < len(shut) and away[middle]:
            others.add(bool(heard.closure[middle] > sum(CLOSING) / 2))
    rests = np.flatnonzero(np.diff(np.concatenate([[0], labels.silence == 1, [0]]).astype(int)))
    for first, last in zip(rests[::2], rests[1::2], strict=True):
        if last - first >= LONG_PAUSE * RATE:
            pauses.add(bool(shut[(first + last) // 2]))
    return bilabials, ungated, others, pauses


def spoken_test(language: str) -> list[Utterance]:
    """The test sentences of a language in unheard voices, each between half a second of near silence."""
    noise = np.random.default_rng(0)
    found = []
    for variant in Espeak.TEST_VARIANTS:
        for pitch, rate in ((40, 150), (60, 190)):
            said = espeak().say(TEST_SENTENCES[language], language + variant, rate, pitch)
            if said is None:
                raise RuntimeError(f"espeak-ng says nothing in {language}")
            rest = SAMPLE_RATE // 2
            audio = np.pad(said.audio, rest) + noise.normal(0, 3e-4, len(said.audio) + 2 * rest).astype(np.float32)
            phones = [Phone(p.symbol, p.start + 0.5, p.end + 0.5) for p in said.phones]
            whole = [Phone("", 0.0, 0.5), *phones, Phone("", phones[-1].end, len(audio) / SAMPLE_RATE)]
            found.append(Utterance(audio.astype(np.float32), whole, said.voice))
    return found


def closures(network: SpeechToLips, closed: float) -> None:
    """Print one line a language."""
    print(f"\n{'language':10}{'p/b/m shut':>16}{'ungated':>16}{'others taken':>16}{'rests shut':>16}")
    total = [Count() for _ in range(4)]
    for language in TEST_SENTENCES:
        row = [Count() for _ in range(4)]
        for said in spoken_test(language):
            counts = closure_counts(hear(network, said.audio), said, closed)
            for into in (row, total):
                for kept, new in zip(into, counts, strict=True):
                    kept.hits += new.hits
                    kept.of += new.of
        mark = "*" if language in UNHEARD_LANGUAGES else ""
        print(f"{language + mark:10}" + "".join(f"{count!s:>16}" for count in row))
    print(f"{'all':10}" + "".join(f"{count!s:>16}" for count in total) + "\n* not in the training languages")


def readings(network: SpeechToLips, aligner: SpeechToLips, sets: dict[str, list[Reading]]) -> None:
    """Print one line a set."""
    print(f"\n{'reading':10}{'p/b/m heard':>16}{'others taken':>16}{'classes told':>16}")
    for name, read in sets.items():
        bilabials, others, told = Count(), Count(), Count()
        for said in labelled(read, aligner):
            heard, labels = hear(network, said.audio), said.labels
            near = round(TOLERANCE * RATE)
            touching = np.flatnonzero(np.diff(np.concatenate([[0], labels.closure == 1, [0]]).astype(int)))
            for first, last in zip(touching[::2], touching[1::2], strict=True):
                bilabials.add(bool(heard.closure[max(0, first - near) : last + near].max() > CLOSING[1]))
            away = np.convolve(labels.closure != 0, np.ones(2 * near + 1), "same") == 0
            phones = np.flatnonzero(np.diff(labels.phonemes, prepend=-1))
            for first, last in pairwise([*phones, len(labels.phonemes)]):
                middle = (first + last) // 2
                if labels.phonemes[middle] not in (SILENCE, BILABIAL, UNKNOWN) and away[middle]:
                    others.add(bool(heard.closure[middle] > sum(CLOSING) / 2))
            right = heard.phonemes.argmax(axis=1) == labels.phonemes
            for hit in right[labels.phonemes != UNKNOWN]:
                told.add(bool(hit))
        print(f"{name:10}{bilabials!s:>16}{others!s:>16}{told!s:>16}")


def test_clips(folder: Path) -> list[Path]:
    """The clips of people that the network never heard: those of HELD_OUT and NATURAL speech."""
    return sorted(
        path for path in [*(folder / "grid").iterdir(), *(folder / "us").iterdir()]
        if path.stem in NATURAL or path.stem.startswith(tuple(f"{who}_" for who in HELD_OUT) + HELD_OUT[:3])
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.speech.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder with grid/ and us/")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--read", type=Path, help="folder of read speech, for the third table")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    network, constants = load(given.weights)
    closed = float(constants["closed_aperture"])
    clips = measure_all(test_clips(given.clips), given.work / "clips")
    correlations(network, clips, closed)
    closures(network, closed)
    if given.read:
        sets = {"GRID": grid_readings(clips)}
        sets |= {name: readings_of(reader, held_out=True) for name, reader in readers_in(given.read).items()}
        readings(network, load(given.work / "phonemes.npz")[0], sets)


if __name__ == "__main__":
    main()
