"""From clips, readers and voices to the weights of the speech -> lip shape network, stage by stage.

Moonshine's encoder stays as it came. Stages, whose results are kept in the work folder:

1. *corpus*: espeak-ng and Kokoro, whose phone times are exact, speak many languages; the clips are measured;
2. *aligner*: a first head learns phonemes from these voices, and finds the phones of people who read known words;
3. *windows*: all of it, altered and beneath music and noise, goes through the encoder once;
4. *phones*: a head learns phonemes, closures and rest from all speech;
5. *lips*: then lips from the clips, which shut as that speech says. They learn for a short time: there are few people
   to learn from, and what is learned of these people's own ways is of no use for others.

`training.speech.split` says who teaches. `training.speech.evaluate` measures what comes out.
"""

from __future__ import annotations

import copy
import logging
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from export.networks.moonshine import read_encoder
from export.networks.speech_to_lips import (
    CLOSED,
    DEPTH,
    LIPS,
    MOUTHS,
    Head,
    Mouth,
    SpeechToLips,
    load,
    save,
)
from training.speech import background, corpus, voices, windows
from training.speech.articulation import estimate_delay
from training.speech.clips import measure_all
from training.speech.corpus import RealClips, Scale, Spoken, scales
from training.speech.kokoro import Kokoro
from training.speech.reading import Reading, grid_readings, labelled, readers_in, readings_of
from training.speech.split import read_split
from training.speech.synthesis import Espeak
from training.speech.train import Material, Stage, train
from training.speech.windows import Backgrounds, Window

log = logging.getLogger("training.speech")

KOKORO_PIECE = 240.0
"""Seconds of Kokoro's speech that are made and kept at a time."""


def constants_of(scale: dict[str, Scale]) -> dict[str, object]:
    """What a reader of the outputs needs to know: raw units of one speaker's standard deviation, the closed value."""
    raw = {
        name: {
            "mean": round(float(np.median([s.mean[index] for s in scale.values()])), 4),
            "deviation": round(float(np.median([s.deviation[index] for s in scale.values()])), 4),
        }
        for index, name in enumerate(LIPS)
    }
    return {"lips": raw, "closed_aperture": CLOSED}


@dataclass(frozen=True)
class Sources:
    """What `run` reads.

    clips:   folder of filmed people
    read:    folder of read speech
    voices:  folder of Kokoro's voices
    encoder: Moonshine's encoder_model.ort
    work:    folder for what can be made again
    """

    clips: Path
    read: Path
    voices: Path
    encoder: Path
    work: Path


@dataclass(frozen=True)
class Amounts:
    """Seconds of synthetic speech, pieces of music, recordings of a reader, windows of each kind, and steps."""

    espeak: float = 3000
    kokoro: float = 2160
    pieces: int = 60
    readings: int = 500
    spoken: int = 1320
    speechless: int = 120
    filmed: int = 540
    steps: int = 3000
    lip_steps: int = 200

    def scaled(self, share: float) -> Amounts:
        """So much of everything, of windows a batch and of all else one at least."""
        least = {"spoken": windows.BATCH, "speechless": windows.BATCH, "filmed": windows.BATCH}
        counts = {
            name: max(round(share * getattr(self, name)), least.get(name, 1))
            for name in ("pieces", "readings", "spoken", "speechless", "filmed", "steps", "lip_steps")
        }
        return Amounts(share * self.espeak, share * self.kokoro, **counts)


def run(sources: Sources, amounts: Amounts, out: Path, seed: int) -> None:
    share, work = read_split()["training"], sources.work
    network = SpeechToLips(read_encoder(sources.encoder, DEPTH)).eval()
    made = _synthesise(sources, amounts, share.kokoro, seed)
    clips = measure_all(share.clips_in([sources.clips]), work / "clips")
    scale = scales(clips)
    chance = random.Random(seed)
    backgrounds = Backgrounds([background.music(chance, 24) for _ in range(amounts.pieces)], seed)

    aligner = _aligner(network, made, backgrounds, amounts, work, seed)
    grid = grid_readings(clips)
    read = _kept(work / "read", lambda: _readings(sources, share.readers, amounts.readings, grid, aligner))
    delays = {clip.name: estimate_delay(clip, aligner) for clip in clips if clip.name.startswith("whitehouse")}
    log.info("sound against picture: %s", delays)
    speech = {**made, **read}
    real = RealClips(clips, scale, delays)
    material = Material(
        _windows(
            work / "spoken.npz",
            lambda: windows.spoken_windows(network, speech, backgrounds, amounts.spoken, seed),
        ),
        _windows(
            work / "speechless.npz",
            lambda: windows.speechless_windows(network, backgrounds, amounts.speechless, seed),
        ),
        _windows(work / "filmed.npz", lambda: windows.filmed_windows(network, real, backgrounds, amounts.filmed, seed)),
    )
    log.info("stage phones")
    network.head = train(Head(), Stage(amounts.steps), material, seed)
    network.head.mouths = nn.ModuleList([_mouth(network.head, amounts, material, seed + k) for k in range(MOUTHS)])
    save(network, constants_of(scale), out)


def _aligner(
    network: SpeechToLips,
    made: Mapping[str, Sequence[Spoken]],
    backgrounds: Backgrounds,
    amounts: Amounts,
    work: Path,
    seed: int,
) -> SpeechToLips:
    """A network whose head has heard voices of known phone times alone."""
    path = work / "aligner.npz"
    if not path.exists():
        material = Material(
            _windows(
                work / "synthetic.npz",
                lambda: windows.spoken_windows(network, made, backgrounds, amounts.spoken // 2, seed + 1),
            ),
            list(windows.speechless_windows(network, backgrounds, windows.BATCH, seed + 1)),
        )
        log.info("stage aligner")
        head = train(Head(), Stage(amounts.steps // 2), material, seed + 1)
        save(SpeechToLips(network.encoder, head), {}, path)
    return load(path)[0]


def _mouth(hearing: Head, amounts: Amounts, material: Material, seed: int) -> nn.Module:
    """A new mouth, taught beside a head that knows the phones."""
    log.info("stage lips, seed %d", seed)
    head = copy.deepcopy(hearing)
    torch.manual_seed(seed)
    head.mouths = nn.ModuleList([Mouth()])
    return train(head, Stage(amounts.lip_steps, spoken=4, filmed=8), material, seed).mouths[0]


def _synthesise(sources: Sources, amounts: Amounts, names: Sequence[str], seed: int) -> dict[str, list[Spoken]]:
    """Of Kokoro, which takes about as long as it speaks, a piece at a time is kept."""

    def by_espeak() -> dict[str, list[Spoken]]:
        return {"espeak": voices.by_espeak(amounts.espeak, seed, Espeak.TRAINING_VARIANTS)}

    def by_kokoro(part: int) -> dict[str, list[Spoken]]:
        kokoro = Kokoro(sources.voices, sources.work)
        seconds = min(KOKORO_PIECE, amounts.kokoro - part * KOKORO_PIECE)
        return {"kokoro": voices.by_kokoro(kokoro, seconds, seed + part, names)}

    made = _kept(sources.work / "espeak", by_espeak)
    pieces = [
        _kept(sources.work / f"kokoro-{part}", partial(by_kokoro, part))["kokoro"]
        for part in range(math.ceil(amounts.kokoro / KOKORO_PIECE))
    ]
    return {**made, "kokoro": [item for piece in pieces for item in piece]}


def _readings(
    sources: Sources, names: Sequence[str], most: int, grid: list[Reading], network: SpeechToLips
) -> dict[str, list[Spoken]]:
    readers = readers_in(sources.read)
    found = {name.replace("/", "-"): readings_of(readers[name], held_out=False)[:most] for name in names}
    return {name: labelled(readings, network) for name, readings in {**found, "grid": grid}.items()}


def _kept(folder: Path, make: Callable[[], dict[str, list[Spoken]]]) -> dict[str, list[Spoken]]:
    if not folder.exists():
        log.info("making %s", folder.name)
        corpus.store(make(), folder)
    return corpus.restore(folder)


def _windows(path: Path, make: Callable[[], Iterator[Window]]) -> list[Window]:
    if not path.exists():
        log.info("making windows: %s", path.stem)
        windows.store(make(), path)
    return windows.restore(path)
