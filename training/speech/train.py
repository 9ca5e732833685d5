"""Train the head of the speech -> lip shape network: `python -m training.speech --help`.

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

import argparse
import copy
import logging
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from export.networks.moonshine import read_encoder
from export.networks.speech_to_lips import (
    CLOSED,
    DEPTH,
    LIPS,
    MOUTHS,
    STRIDE,
    WEIGHTS,
    Head,
    Mouth,
    Prediction,
    SpeechToLips,
    load,
    save,
)
from training.speech import augment, background, corpus, voices, windows
from training.speech.articulation import estimate_delay
from training.speech.clips import measure_all
from training.speech.corpus import RealBatch, RealClips, Scale, Spoken, SyntheticBatch, scales
from training.speech.kokoro import Kokoro
from training.speech.losses import articulation_loss, lip_loss, parted_loss, phone_losses, shut_loss
from training.speech.phones import RATE
from training.speech.reading import Reading, grid_readings, labelled, readers_in, readings_of
from training.speech.split import read_split
from training.speech.synthesis import Espeak
from training.speech.windows import Backgrounds, Window

log = logging.getLogger("training.speech")

SHUT, PARTED, ARTICULATION = 0.4, 0.6, 0.2
"""Weights of the losses beside that of measured lips: shut lips, parted ones, and the rough aperture that phonetics
expects of synthetic speech, which holds the network up where the clips say nothing."""
LEARNING_RATE, AVERAGE_DECAY = 2e-3, 0.99
KOKORO_PIECE = 240.0
"""Seconds of Kokoro's speech that are made and kept at a time."""
LENGTHS = (200, 300, 300)
"""Instants of what a step sees of a window."""
WITHOUT_VECTORS = 0.1
"""Share of the steps in which the mels must do alone."""


@dataclass(frozen=True)
class Stage:
    """spoken, speechless, filmed: windows of each kind in a step. With filmed ones lips alone learn, without phones."""

    steps: int
    rate: float = LEARNING_RATE
    spoken: int = 8
    speechless: int = 1
    filmed: int = 0


@dataclass(frozen=True)
class Material:
    """Windows to learn from, by kind."""

    spoken: Sequence[Window]
    speechless: Sequence[Window]
    filmed: Sequence[Window] = ()


def train(head: Head, stage: Stage, material: Material, seed: int) -> Head:
    """Train in place; return the moving average of the weights, which is steadier than the last step's."""
    chance, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    learning: nn.Module = head.mouths if stage.filmed else head
    optimiser = torch.optim.AdamW(learning.parameters(), stage.rate, weight_decay=0.03)
    average = copy.deepcopy(head).eval()
    head.eval()
    learning.train()
    for step, rate in enumerate(learning_rates(stage)):
        for group in optimiser.param_groups:
            group["lr"] = rate
        losses = _losses(head, _draw(stage, material, chance), chance, generator)
        loss = sum(losses.values(), torch.zeros(()))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learning.parameters(), 5.0)
        optimiser.step()
        _follow(average, head, min(AVERAGE_DECAY, (1 + step) / (10 + step)))
        if step % 100 == 0 or step == stage.steps - 1:
            log.info("step %d: %s", step, {name: round(value.item(), 3) for name, value in losses.items()})
    return average


def learning_rates(stage: Stage) -> Iterator[float]:
    """A short warm-up, then half a cosine down."""
    for step in range(stage.steps):
        yield stage.rate * min(1.0, (step + 1) / 30) * max(0.01, 0.5 * (1 + math.cos(math.pi * step / stage.steps)))


@torch.no_grad()
def _follow(average: nn.Module, head: nn.Module, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), head.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)


@dataclass(frozen=True)
class _Batch:
    vectors: Tensor
    logs: Tensor
    spoken: SyntheticBatch
    filmed: RealBatch | None


def _draw(stage: Stage, material: Material, chance: random.Random) -> _Batch:
    """Pieces of equal length from windows of every kind."""
    length = chance.choice(LENGTHS)
    sampled: list[tuple[Window, int]] = []
    for kind, count in (
        (material.spoken, stage.spoken),
        (material.speechless, stage.speechless),
        (material.filmed, stage.filmed),
    ):
        for window in chance.choices([w for w in kind if w.mels.shape[1] >= length], k=count) if count else []:
            sampled.append((window, STRIDE * chance.randint(0, (window.mels.shape[1] - length) // STRIDE)))
    known = [(window, slice(start, start + length)) for window, start in sampled[: stage.spoken + stage.speechless]]
    return _Batch(
        torch.stack([_tensor(w.vectors[at // STRIDE : (at + length) // STRIDE]) for w, at in sampled]),
        torch.stack([_tensor(w.mels[:, at : at + length]) for w, at in sampled]),
        SyntheticBatch(
            torch.zeros(0),
            torch.stack([torch.from_numpy(w.phonemes[part].astype(np.int64)) for w, part in known]),
            torch.stack([_tensor(w.closure[part]) for w, part in known]),
            torch.stack([_tensor(w.rest[part]) for w, part in known]),
        ),
        _filmed(sampled[len(known) :], length) if len(sampled) > len(known) else None,
    )


def _filmed(sampled: Sequence[tuple[Window, int]], length: int) -> RealBatch:
    """Frames of the piece alone, not too near its ends, whose sound the head does not see whole."""
    rim = RealClips.RIM * RATE
    most = max(len(window.instant) for window, _ in sampled)
    instant, weight = torch.zeros(len(sampled), most), torch.zeros(len(sampled), most)
    lips = torch.zeros(len(sampled), most, len(LIPS))
    for row, (window, start) in enumerate(sampled):
        count, place = len(window.instant), window.instant - start
        seen = (window.weight > 0) & (place > rim) & (place < length - 1 - rim)
        instant[row, :count] = torch.from_numpy(np.where(seen, place, 0))
        weight[row, :count] = torch.from_numpy(seen.astype(np.float32))
        lips[row, :count] = _tensor(window.lips)
    return RealBatch(torch.zeros(0), instant, lips, weight)


def _tensor(values: npt.NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _losses(head: Head, batch: _Batch, chance: random.Random, generator: torch.Generator) -> dict[str, Tensor]:
    """The parts of the loss, weighted."""
    vectors = batch.vectors + 0.1 * batch.vectors.std() * torch.randn(batch.vectors.shape, generator=generator)
    mels = torch.exp(batch.logs)
    if chance.random() < 0.5:
        mels = augment.equalise(mels, generator)
    if chance.random() < WITHOUT_VECTORS:
        vectors = torch.zeros_like(vectors)
    predicted = head(vectors, augment.mask_bands(mels, generator))
    count = len(batch.spoken.phonemes)
    said = Prediction(*(value[:count] for value in vars(predicted).values()))
    if batch.filmed is None:
        return {"phones": 0.5 * phone_losses(said, batch.spoken)}
    return {
        "lips": lip_loss(predicted.shape[count:], batch.filmed),
        "shut": SHUT * shut_loss(said, batch.spoken, CLOSED),
        "parted": PARTED * parted_loss(said, batch.spoken, CLOSED),
        "articulation": ARTICULATION * articulation_loss(said, batch.spoken),
    }


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
    """A mouth that begins anew and learns beside a head whose phones are learned."""
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.speech", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder with grid/ and us/whitehouse_*")
    parser.add_argument("--read", type=Path, required=True, help="folder of read speech, see training.speech.reading")
    parser.add_argument("--voices", type=Path, required=True, help="Kokoro's voices/ of the npm package kokoro-js")
    parser.add_argument("--encoder", type=Path, required=True, help="encoder_model.ort of the package moonshine-voice")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="checkpoint to write (default: %(default)s)")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual amounts, for a trial (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    sources = Sources(given.clips, given.read, given.voices, given.encoder, given.work)
    run(sources, Amounts().scaled(given.share), given.out, given.seed)


if __name__ == "__main__":
    main()
