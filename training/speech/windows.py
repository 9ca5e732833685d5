"""Windows of sound as the network's head sees them: what the encoder and the filters make of it, and labels.

The encoder is not trained, so it is asked once for each window, and training reads the answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from export.networks.speech_to_lips import HOP, SpeechToLips
from training.speech import augment, background
from training.speech.corpus import RealClips, Spoken, synthetic_batch

LENGTHS = (300, 600, 800, 800)
"""Instants of a window, drawn for each batch."""
BATCH = 6
SHARES, OTHERS = {"kokoro": 4.0, "espeak": 1.0, "en-us-kathleen": 0.6}, 0.5
"""How often each source is drawn: Kokoro sounds like people and knows its phones to the instant."""
FLOOR = 1e-10
"""Added to mel power before its logarithm is kept."""


@dataclass(frozen=True)
class Window:
    """One window of T instants. Either the phones of its sound are known, or the lips of who speaks.

    vectors:  float16 [T / 2, WIDTH] of the encoder
    mels:     float16 [MEL_BANDS, T], logarithm of mel power
    phonemes: int8 [T], closure and rest: float16 [T], see `corpus.SyntheticBatch`; empty where lips are known
    instant:  float32 [F], lips: float16 [F, len(LIPS)], weight: float32 [F], see `corpus.RealBatch`; empty otherwise
    """

    vectors: npt.NDArray[np.float16]
    mels: npt.NDArray[np.float16]
    phonemes: npt.NDArray[np.int8]
    closure: npt.NDArray[np.float16]
    rest: npt.NDArray[np.float16]
    instant: npt.NDArray[np.float32]
    lips: npt.NDArray[np.float16]
    weight: npt.NDArray[np.float32]


_NOTHING = np.zeros(0, np.float16)


class Backgrounds:
    """Music and noises to lay beneath speech; half of them music where there is any."""

    def __init__(self, pieces: Sequence[npt.NDArray[np.float32]], seed: int) -> None:
        self._pieces = pieces
        self._chance = np.random.default_rng(seed)

    def draw(self, samples: int) -> Tensor:
        """float32 [samples]."""
        if self._pieces and self._chance.random() < 0.5:
            piece = self._pieces[self._chance.integers(len(self._pieces))]
            start = int(self._chance.integers(max(1, len(piece) - samples)))
            return torch.from_numpy(np.resize(piece[start:], samples).copy())
        kind = str(self._chance.choice(list(background.NOISES)))
        return torch.from_numpy(background.noise(kind, samples, self._chance))


def spoken_windows(
    network: SpeechToLips, sources: Mapping[str, Sequence[Spoken]], backgrounds: Backgrounds, count: int, seed: int
) -> Iterator[Window]:
    """Speech of known phones, of every source in its share."""
    chance, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    shares = [SHARES.get(name, OTHERS) for name in sources]

    def source() -> list[Spoken]:
        return list(chance.choices(list(sources.values()), shares)[0])

    for _ in range(0, count, BATCH):
        instants = chance.choice(LENGTHS)
        batch = synthetic_batch(source, BATCH, instants, chance)
        strong = chance.random() < 0.7
        audio = altered(batch.audio, lambda: backgrounds.draw(instants * HOP), generator, strong)  # noqa: B023
        for vectors, mels, *labels in zip(
            *_features(network, audio), batch.phonemes, batch.closure, batch.rest, strict=True
        ):
            phonemes, closure, rest = (label.numpy() for label in labels)
            yield Window(
                vectors, mels, phonemes.astype(np.int8), closure.astype(np.float16), rest.astype(np.float16),
                _NOTHING.astype(np.float32), _NOTHING, _NOTHING.astype(np.float32),
            )  # fmt: skip


def speechless_windows(network: SpeechToLips, backgrounds: Backgrounds, count: int, seed: int) -> Iterator[Window]:
    """Music and noises alone, two at once now and then: nobody speaks."""
    chance, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    for _ in range(0, count, BATCH):
        instants = chance.choice(LENGTHS)
        sounds = [backgrounds.draw(instants * HOP) for _ in range(BATCH)]
        mixed = [s + chance.random() * backgrounds.draw(len(s)) if chance.random() < 0.2 else s for s in sounds]
        audio = augment.set_level(augment.add_noise(torch.stack(mixed), generator, -18.0), generator)
        for vectors, mels in zip(*_features(network, audio), strict=True):
            yield Window(
                vectors, mels, np.zeros(instants, np.int8), np.zeros(instants, np.float16),
                np.ones(instants, np.float16), _NOTHING.astype(np.float32), _NOTHING, _NOTHING.astype(np.float32),
            )  # fmt: skip


def filmed_windows(
    network: SpeechToLips, clips: RealClips, backgrounds: Backgrounds, count: int, seed: int
) -> Iterator[Window]:
    """Speech of people whose lips are measured; they bring rooms of their own."""
    chance, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    for _ in range(0, count, BATCH):
        instants = chance.choice(LENGTHS)
        batch = clips.batch(BATCH, instants, chance)
        audio = altered(batch.audio, lambda: backgrounds.draw(instants * HOP), generator, False)  # noqa: B023
        for vectors, mels, instant, lips, weight in zip(
            *_features(network, audio), batch.instant, batch.lips, batch.weight, strict=True
        ):
            yield Window(
                vectors, mels, _NOTHING.astype(np.int8), _NOTHING, _NOTHING,
                instant.numpy(), lips.numpy().astype(np.float16), weight.numpy(),
            )  # fmt: skip


def altered(audio: Tensor, beneath: Callable[[], Tensor], generator: torch.Generator, strong: bool) -> Tensor:
    """The same speech [N, samples] in another room, by another microphone, over something else."""
    audio = augment.add_room(audio, generator, 0.45 if strong else 0.2)
    audio = augment.filter_sound(audio, generator)
    audio = augment.add_background(audio, beneath, generator, 0.35 if strong else 0.25, -2.0 if strong else -6.0)
    audio = augment.compress(audio, generator)
    return augment.set_level(augment.add_noise(audio, generator, -14.0 if strong else -18.0), generator)


@torch.no_grad()
def _features(
    network: SpeechToLips, audio: Tensor
) -> tuple[list[npt.NDArray[np.float16]], list[npt.NDArray[np.float16]]]:
    vectors, mel = network.features(audio)
    return list(vectors.numpy().astype(np.float16)), list(torch.log(mel + FLOOR).numpy().astype(np.float16))


def store(windows: Iterator[Window], path: Path) -> None:
    """Keep windows in one file."""
    kept = list(windows)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in fields(Window)]
    np.savez(path, **{f"{name}.{k}": getattr(window, name) for k, window in enumerate(kept) for name in names})


def restore(path: Path) -> list[Window]:
    """Read what `store` kept."""
    names = [field.name for field in fields(Window)]
    with np.load(path) as archive:
        count = len(archive.files) // len(names)
        return [Window(**{name: archive[f"{name}.{k}"] for name in names}) for k in range(count)]
