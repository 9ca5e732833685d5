"""Train the listeners: `python -m training.speech.train_listeners --clips DIR --read DIR --work DIR`.

Six stages; the corpora and the first four are kept in the work folder and not repeated:

1. *phonemes*: synthetic speech in many languages, whose phone times are exact, teaches what is said when;
2. *reading*: it goes on with real people reading known words besides, whose phones it has found by then;
3. *settling*: the same again at half the rate;
4. *people*: the second stage's network settles otherwise, mostly on people reading: it follows real speech better, the
   other is surer of synthetic closures;
5. *lips*: real clips of the speakers that are not held out teach the third stage's network how lips move, the synthetic
   task staying on, so that it does not shrink to the grammar of the clips;
6. *articulator*: the same clips teach a small network the lips of the phonemes that the fourth stage recognises.

The last three ship, as the parts of `Listeners`: nobody in `HELD_OUT` is in them, so that
`training.speech.evaluate` measures the network that is served.
"""

from __future__ import annotations

import argparse
import copy
import logging
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from export.networks.listeners import Articulator, Listener, Listeners
from export.networks.spectra import LIPS, MelPower, Prediction
from export.networks.speech_to_lips import load_listeners, save
from training.speech import augment
from training.speech.articulation import estimate_delay
from training.speech.clips import measure_all
from training.speech.corpus import (
    RealClips,
    Scale,
    Spoken,
    closed_aperture,
    restore,
    scales,
    store,
    synthesise,
    synthetic_batch,
)
from training.speech.losses import articulation_loss, lip_loss, phone_losses, shut_loss
from training.speech.phones import RATE
from training.speech.reading import grid_readings, labelled, readers_in, readings_of

log = logging.getLogger("training.speech")

LISTENERS = "listeners.npz"

HELD_OUT = ("x_lbax4n", "x_lrwp9a", "x_sbwe5n", "s2", "s16", "s25", "s27")
ARTICULATION = 0.3
"""How much the rough aperture that phonetics expects counts on synthetic speech, against the measured one on clips.
It holds the network up where the clips say nothing; without it, natural speech gets worse with every step."""
AVERAGE_DECAY = 0.99
HAS_BFLOAT16 = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))
"""Elsewhere it is emulated, at half the speed."""


@dataclass(frozen=True)
class Stage:
    """One stage of training. Every step sees about `seconds` of speech of known phones, and as much of real clips.

    synthetic: its share in the speech of known phones, where people read too; None: every source as often
    """

    steps: int
    rate: float
    seconds: float = 30.0
    synthetic: float | None = None


STAGES = {
    "phonemes": Stage(steps=6000, rate=2e-3),
    "reading": Stage(steps=4000, rate=1.5e-3),
    "settling": Stage(steps=2500, rate=8e-4),
    "people": Stage(steps=2500, rate=8e-4, synthetic=0.2),
    "lips": Stage(steps=300, rate=1e-3),
    "articulator": Stage(steps=1500, rate=2e-3),
}


def training_clips(folder: Path) -> list[Path]:
    """The clips that shipped weights may learn from: GRID (CC BY 4.0) and the White House's (public domain)."""
    found = [*(folder / "grid").iterdir(), *(folder / "us").glob("whitehouse_*")]
    return sorted(path for path in found if path.suffix in (".mkv", ".mpg", ".mp4"))


def features(front: MelPower, audio: Tensor, generator: torch.Generator, strong: bool) -> Tensor:
    """Mel powers of augmented audio; real clips bring their own rooms and are treated more gently."""
    if strong:
        audio = augment.add_room(audio, generator)
    audio = augment.add_noise(audio, generator, -12.0 if strong else -18.0)
    power = front.spectrogram(augment.set_level(audio, generator))
    power = augment.warp_vocal_tract(power, generator, 0.16 if strong else 0.1)
    return augment.mask_bands(augment.equalise(front.filters @ power, generator), generator)


class Average:
    """Exponential moving average of a network's state, which is steadier than the last step's (Polyak)."""

    def __init__(self, network: Listener) -> None:
        self.network = copy.deepcopy(network).eval()

    @torch.no_grad()
    def update(self, network: Listener, step: int) -> None:
        decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
        for kept, new in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)


def train_articulator(phones: Listener, stage: Stage, real: RealClips, seed: int) -> Articulator:
    """A new one, on what `phones` recognises in real clips."""
    chance = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    network, front = Articulator(), MelPower()
    optimiser = torch.optim.AdamW(network.parameters(), stage.rate, weight_decay=5e-2)
    phones.eval()
    for step, rate in enumerate(learning_rates(stage)):
        for group in optimiser.param_groups:
            group["lr"] = rate
        instants, count = window(stage, chance)
        batch = real.batch(count, instants, chance)
        mel = features(front, batch.audio, generator, strong=False)
        with torch.no_grad():
            said = phones(mel)
        loss = lip_loss(network(said, mel), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0 or step == stage.steps - 1:
            log.info("step %d: lips %.3f", step, loss.item())
    return network.eval()


def window(stage: Stage, chance: random.Random) -> tuple[int, int]:
    """Instants of a window, 2 to 8 s, so that the normalisation meets all that a caller may send, and how many."""
    instants = int(RATE * 2 * 4 ** chance.random())
    return instants, max(2, round(stage.seconds * RATE / instants))


def learning_rates(stage: Stage) -> Iterator[float]:
    """A short warm-up, then half a cosine down."""
    for step in range(stage.steps):
        yield stage.rate * min(1.0, (step + 1) / 50) * max(0.01, 0.5 * (1 + math.cos(math.pi * step / stage.steps)))


def train(
    network: Listener,
    stage: Stage,
    spoken: dict[str, list[Spoken]],
    read: dict[str, list[Spoken]],
    real: RealClips | None,
    closed: float,
    seed: int,
) -> Listener:
    """Train in place; return the average. spoken: by synthesisers, read: by people; both by source."""
    chance = random.Random(seed)

    def source() -> list[Spoken]:
        if stage.synthetic is None:
            return chance.choice([*spoken.values(), *read.values()])
        return chance.choice(list((spoken if chance.random() < stage.synthetic else read).values()))

    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), stage.rate, weight_decay=2e-2)
    average = Average(network)
    front = MelPower()
    network.train()
    for step, rate in enumerate(learning_rates(stage)):
        for group in optimiser.param_groups:
            group["lr"] = rate
        instants, count = window(stage, chance)
        synthetic = synthetic_batch(source, count, instants, chance)
        mels = [features(front, synthetic.audio, generator, strong=True)]
        natural = None
        if real is not None:
            natural = real.batch(count, instants, chance)
            mels.append(features(front, natural.audio, generator, strong=False))
        with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BFLOAT16):
            predicted = network(torch.cat(mels))
        parts = [Prediction(*(value.float()[rows] for value in vars(predicted).values()))
                 for rows in (slice(count), slice(count, None))]  # fmt: skip
        loss = phone_losses(parts[0], synthetic)
        report = {"phones": loss.item()}
        if natural is not None:
            moved, open_ = lip_loss(parts[1].lips, natural), shut_loss(parts[0], synthetic, closed)
            report |= {"lips": moved.item(), "shut": open_.item()}
            expected = articulation_loss(parts[0], synthetic)
            report["articulation"] = expected.item()
            loss = 0.5 * loss + moved + 0.5 * open_ + ARTICULATION * expected
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        average.update(network, step)
        if step % 100 == 0 or step == stage.steps - 1:
            log.info("step %d: %s", step, {name: round(value, 3) for name, value in report.items()})
    return average.network


def constants_of(scale: dict[str, Scale], closed: float) -> dict[str, object]:
    """What a reader of the outputs needs to know: raw units of one speaker's standard deviation, the closed value."""
    raw = {
        name: {
            "mean": round(float(np.median([s.mean[index] for s in scale.values()])), 4),
            "deviation": round(float(np.median([s.deviation[index] for s in scale.values()])), 4),
        }
        for index, name in enumerate(LIPS)
    }
    return {"lips": raw, "closed_aperture": round(closed, 3)}


def run(clips_folder: Path, read_folder: Path, work: Path, out: Path, seconds: float, seed: int) -> None:
    corpus = work / "synthetic"
    if not corpus.exists():
        log.info("synthesising %.0f minutes", seconds / 60)
        store(synthesise(seconds, seed), corpus)
    spoken = restore(corpus)
    clips = measure_all(training_clips(clips_folder), work / "clips")
    scale = scales(clips)
    closed = closed_aperture(clips, scale)
    constants = constants_of(scale, closed)
    log.info("%d clips, %s", len(clips), constants)

    phonemes = work / "phonemes.npz"
    if not phonemes.exists():
        torch.manual_seed(seed)
        log.info("stage phonemes: %s", asdict(STAGES["phonemes"]))
        listener = train(Listener(), STAGES["phonemes"], spoken, {}, None, closed, seed)
        save(Listeners(listener, listener), constants, phonemes)
    seen_clips = [clip for clip in clips if clip.speaker not in HELD_OUT]

    read = work / "read"
    if not read.exists():
        network, _ = load_listeners(phonemes)
        sources = {"grid": grid_readings(seen_clips)}
        for name, reader in readers_in(read_folder).items():
            sources[name.replace("/", "-")] = readings_of(reader, held_out=False)
        store({name: labelled(readings, network) for name, readings in sources.items()}, read)
    for name, before, offset in (("reading", "phonemes", 1), ("settling", "reading", 2), ("people", "reading", 2)):
        kept = work / f"{name}.npz"
        if not kept.exists():
            network, _ = load_listeners(work / f"{before}.npz")
            log.info("stage %s: %s", name, asdict(STAGES[name]))
            listener = train(network.phones, STAGES[name], spoken, restore(read), None, closed, seed + offset)
            save(Listeners(listener, listener), constants, kept)

    settled, network = load_listeners(work / "settling.npz")[0], load_listeners(work / "people.npz")[0]
    delays = {clip.name: estimate_delay(clip, network) for clip in clips if clip.name.startswith("whitehouse")}
    log.info("sound against picture: %s", delays)
    real = RealClips(seen_clips, scale, delays)
    log.info("stage lips: %s, %d clips", asdict(STAGES["lips"]), len(seen_clips))
    lips = train(settled.lips, STAGES["lips"], spoken, {}, real, closed, seed + 1)
    log.info("stage articulator: %s", asdict(STAGES["articulator"]))
    articulator = train_articulator(network.phones, STAGES["articulator"], real, seed)
    save(Listeners(network.phones, lips, articulator), constants, out)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.speech.train_listeners", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--clips", type=Path, required=True, help="folder with grid/ and us/whitehouse_*")
    parser.add_argument("--read", type=Path, required=True, help="folder of read speech, see training.speech.reading")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--out", type=Path, help="checkpoint to write (default: listeners.npz of the work folder)")
    parser.add_argument("--seconds", type=float, default=14400, help="of synthetic speech (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    run(given.clips, given.read, given.work, given.out or given.work / LISTENERS, given.seconds, given.seed)
