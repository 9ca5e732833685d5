"""How well the network's lips follow: `python -m training.speech.evaluate --clips DIR... --work DIR [...]`.

What is measured is what the service serves: `model.onnx`, in its windows, through `curves_of` of the default engine.

*Lips*: Pearson's r of predicted and measured lips, natural speech at each clip's own constant offset, GRID at lag 0;
clips are averaged for each person, and the interval is a bootstrap over people. *Closures*: share of p, b, m at which
the aperture falls into the lowest tenth of the utterance's range within 40 ms; of other sounds that it falls there; of
instants whose phoneme class is right. *Rest*: mean opening over the 95th percentile of speech, where nobody speaks.
*Look-ahead*: the same r for a stream that sees a window of 1 or 2 s, which ends so much later, every 80 ms.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from digital_human.engines.exemplar.live import WINDOW
from digital_human.engines.exemplar.speech_to_lips import curves_of, predict_window
from digital_human.media import read_speech
from export.networks.spectra import CLOSED, HOP, LIPS, SAMPLE_RATE
from export.networks.speech_to_lips import load
from training.speech import background, voices
from training.speech.clips import Clip, measure_all
from training.speech.corpus import Spoken
from training.speech.kokoro import Kokoro
from training.speech.phones import BILABIAL, RATE, SILENCE, UNKNOWN, Labels
from training.speech.reading import labelled, readers_in, readings_of
from training.speech.split import Share, is_natural, read_split
from training.speech.synthesis import Espeak

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

MODEL = Path(__file__).parents[2] / "model_repository" / "speech_to_lips" / "1" / "model.onnx"
LARGEST_LAG = 6
"""Frames either way in which a natural clip's own offset is searched."""
SHUT, TOLERANCE = 0.1, 0.04
SPEECH_LEVEL = 1.8
"""Standard aperture of a wide opening in speech, its 95th percentile."""
BLOCK = 0.08
"""Seconds that live sessions hear at a time, at 25 frames a second."""
LOOK_AHEADS = (0.08, 0.16, 0.24, 0.32)
WINDOWS = (WINDOW, 2 * WINDOW)
"""Instants of sound that a stream sees at a time: those of live sessions, and twice as many."""
STREAMED_SECONDS = 8
"""Of each clip at most, for the stream is heard a dozen times a second."""


class Local:
    """The model file in this process, in place of Triton."""

    def __init__(self, path: Path = MODEL) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def infer(
        self, model: str, inputs: Mapping[str, npt.NDArray[np.generic]], outputs: Sequence[str] = ()
    ) -> dict[str, npt.NDArray[Any]]:
        names = list(outputs) or [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))


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


@dataclass(frozen=True)
class Followed:
    """r of LIPS on one clip, at `lag` frames."""

    clip: Clip
    lag: int
    r: Float32


def follow(model: Local | None, clip: Clip, lips: Float32 | None = None) -> Followed:
    """lips: a curve of [T, len(LIPS)] at 100 Hz in place of the model's."""
    if lips is None:
        assert model is not None
        lips = shape_of(model, clip.audio)
    r, lag = correlation(lips[:, 0], clip, clip.lips[:, 0], LARGEST_LAG if is_natural(clip.name) else 0)
    late = Clip(clip.name, clip.speaker, clip.audio, clip.times + lag * np.median(np.diff(clip.times)), clip.lips)
    others = [correlation(lips[:, k], late, clip.lips[:, k], 0)[0] for k in range(1, lips.shape[1])]
    return Followed(clip, lag, np.array([r, *others], np.float32))


def shape_of(model: Local, audio: Float32) -> Float32:
    """Aperture and width at 100 Hz, as they are served, [T, 2]."""
    return curves_of(audio, model)[:, :2]


def by_person(followed: Sequence[Followed]) -> Float32:
    """Mean r of every person, [people, measures]."""
    rows: dict[str, list[Float32]] = defaultdict(list)
    for one in followed:
        rows[one.clip.speaker].append(one.r)
    return np.array([np.mean(r, axis=0) for r in rows.values()], np.float32)


def interval(people: Float32, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over people [N]."""
    chance = np.random.default_rng(seed)
    means = chance.choice(people, (10_000, len(people))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def lips_table(model: Local, clips: Sequence[Clip]) -> None:
    print(f"{'clip':24}{'lag':>4}" + "".join(f"{name:>12}" for name in LIPS[:2]))
    groups: dict[str, list[Followed]] = {"GRID": [], "natural speech": []}
    for clip in clips:
        one = follow(model, clip)
        groups["natural speech" if is_natural(clip.name) else "GRID"].append(one)
        print(f"{clip.name:24}{one.lag:4}" + "".join(f"{r:12.3f}" for r in one.r))
    for name, followed in groups.items():
        if followed:
            people = by_person(followed)
            low, high = interval(people[:, 0])
            means = "".join(f"{r:12.3f}" for r in people.mean(axis=0))
            print(f"{name + ', ' + str(len(people)) + ' people':28}{means}   aperture {low:.3f} to {high:.3f}")


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


def shut_instants(aperture: Float32) -> Bools:
    """Where an aperture [T] is in the lowest tenth of its range, which begins at CLOSED."""
    return aperture < CLOSED + SHUT * (np.percentile(aperture, 95) - CLOSED)


def closures(aperture: Float32, labels: Labels, bilabials: Count, others: Count) -> None:
    """Count p, b and m that shut, and other sounds that do."""
    count, near = min(len(aperture), len(labels.closure)), round(TOLERANCE * RATE)
    shut, closure = shut_instants(aperture)[:count], labels.closure[:count]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], closure == 1, [0]]).astype(int)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        bilabials.add(bool(shut[max(0, first - near) : last + near].any()))
    for middle in other_sounds(labels, near):
        if middle < count:
            others.add(bool(shut[middle]))


def other_sounds(labels: Labels, near: int) -> list[int]:
    """The middle instant of each sound other than p, b, m, more than `near` instants from these, and from pauses."""
    phonemes = labels.phonemes
    away = np.convolve(labels.closure != 0, np.ones(2 * near + 1), "same") == 0
    away &= np.convolve(phonemes == SILENCE, np.ones(17), "same") == 0
    bounds = [*np.flatnonzero(np.diff(phonemes, prepend=-9)), len(phonemes)]
    middles = [(int(first) + int(last)) // 2 for first, last in pairwise(bounds)]
    return [at for at in middles if phonemes[at] not in (SILENCE, BILABIAL, UNKNOWN) and away[at]]


def closure_table(model: Local, sets: Mapping[str, Sequence[Spoken]]) -> None:
    print(f"\n{'speech':18}{'p/b/m shut':>18}{'others shut':>18}{'classes right':>18}")
    for name, items in sets.items():
        bilabials, others, right = Count(), Count(), Count()
        for item in items:
            closures(shape_of(model, item.audio)[:, 0], item.labels, bilabials, others)
            predicted = model.infer("speech_to_lips", {"audio": item.audio[None]}, ("phonemes",))["phonemes"][0].argmax(
                1
            )
            known = item.labels.phonemes[: len(predicted)]
            right.hits += int((predicted[: len(known)] == known)[known != UNKNOWN].sum())
            right.of += int((known != UNKNOWN).sum())
        print(f"{name:18}{bilabials!s:>18}{others!s:>18}{right!s:>18}")


def rest_table(model: Local, music: Sequence[Path], seed: int = 5) -> None:
    """Opening over a wide one of speech where nobody speaks, by kind of sound."""
    chance = np.random.default_rng(seed)
    sounds = {kind: [background.noise(kind, 6 * SAMPLE_RATE, chance) for _ in range(3)] for kind in background.NOISES}
    sounds["silence"] = [chance.normal(0, 1e-4, 6 * SAMPLE_RATE).astype(np.float32)]
    if music:
        sounds["music"] = [background.level(read_speech(path)[: 16 * SAMPLE_RATE]) for path in music]
    print("\nopening without speech, % of a wide one in speech")
    for kind, recordings in sounds.items():
        open_ = [
            ((shape_of(model, sound)[:, 0] - CLOSED) / (SPEECH_LEVEL - CLOSED)).clip(0).mean() for sound in recordings
        ]
        print(f"{kind:18}{100 * np.mean(open_):8.1f}")


def streamed(model: Local, audio: Float32, look_ahead: float, window: int = WINDOW) -> Float32:
    """Aperture and width at 100 Hz of a stream as live sessions hear it, [T, 2]: every BLOCK again, in the window of
    sound that ends `look_ahead` seconds after it."""
    block, before = round(BLOCK * RATE), window - round((BLOCK + look_ahead) * RATE)
    count = len(audio) // HOP
    padded = np.pad(audio, (before * HOP, window * HOP))
    starts = range(0, count, block)
    windows = [
        predict_window(padded[at * HOP : (at + window) * HOP], model)[before : before + block, :2] for at in starts
    ]
    curves: Float32 = np.concatenate(windows)[:count]
    return curves


def look_ahead_table(model: Local, clips: Sequence[Clip], spoken: Sequence[Spoken]) -> None:
    short = [shortened(clip, STREAMED_SECONDS) for clip in clips]
    ways: list[tuple[str, Callable[[Float32], Float32]]] = [("whole file", partial(shape_of, model))]
    for window in WINDOWS:
        for look_ahead in LOOK_AHEADS:
            name = f"{window / RATE:g} s, {1000 * look_ahead:.0f} ms"
            ways.append((name, partial(streamed, model, look_ahead=look_ahead, window=window)))
    print(f"\n{'window, look-ahead':20}{'GRID r':>10}{'natural r':>10}{'p/b/m shut':>18}{'others shut':>18}")
    for name, curve in ways:
        groups: dict[bool, list[Followed]] = defaultdict(list)
        for clip in short:
            groups[is_natural(clip.name)].append(follow(model, clip, curve(clip.audio)))
        bilabials, others = Count(), Count()
        for item in spoken:
            closures(curve(item.audio)[:, 0], item.labels, bilabials, others)
        means = [by_person(groups[natural])[:, 0].mean() if groups[natural] else np.nan for natural in (False, True)]
        print(f"{name:20}" + "".join(f"{r:10.3f}" for r in means) + f"{bilabials!s:>18}{others!s:>18}", flush=True)


def shortened(clip: Clip, seconds: float) -> Clip:
    """The beginning of a clip."""
    kept = clip.times < seconds
    return replace(clip, audio=clip.audio[: round(seconds * SAMPLE_RATE)], times=clip.times[kept], lips=clip.lips[kept])


def spoken_sets(share: Share, given: argparse.Namespace) -> dict[str, list[Spoken]]:
    """Speech of known phones, by source; of Kokoro Mandarin apart."""
    variants = Espeak.TEST_VARIANTS if given.share == "test" else Espeak.VALIDATION_VARIANTS
    found = {"espeak": voices.by_espeak(given.seconds, 1, variants)}
    if given.voices:
        kokoro = Kokoro(given.voices, given.work)
        for language in ("en-us", "cmn", ""):
            name = f"kokoro {language or 'others'}"
            found[name] = voices.by_kokoro(kokoro, given.seconds / 3, 2, share.kokoro, language)
    if given.read:
        aligner, readers = load()[0], readers_in(given.read)
        for name in share.readers:
            readings = readings_of(readers[name], held_out=False)
            random.Random(0).shuffle(readings)
            found[name] = labelled(readings[:60], aligner)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.speech.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--share", choices=("validation", "test"), default="validation", help="who is measured")
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders of filmed people")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--voices", type=Path, help="Kokoro's voices/, see training.speech.kokoro")
    parser.add_argument("--read", type=Path, help="folder of read speech, see training.speech.reading")
    parser.add_argument("--music", type=Path, nargs="*", default=[], help="recordings without voices")
    parser.add_argument("--seconds", type=float, default=240, help="of synthetic speech (default: %(default)s)")
    parser.add_argument("--look-ahead", action="store_true", help="the streamed table too, which takes long")
    parser.add_argument("--model", type=Path, default=MODEL)
    given = parser.parse_args(arguments)
    share, model = read_split()[given.share], Local(given.model)
    clips = measure_all(share.clips_in(given.clips), given.work / "clips")
    lips_table(model, clips)
    sets = spoken_sets(share, given)
    closure_table(model, sets)
    rest_table(model, given.music)
    if given.look_ahead:
        look_ahead_table(model, clips, sets["espeak"][:12])


if __name__ == "__main__":
    main()
