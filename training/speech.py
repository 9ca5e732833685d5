"""Train the speech -> lip shape network: `python -m training.speech --clips DIR --work DIR`.

Two stages; the corpora and the first one are kept in the work folder and not repeated:

1. *phonemes*: synthetic speech in many languages, whose phone times are exact, teaches what is said when;
2. *lips*: real clips of the speakers that are not held out teach a copy of it how lips move, the synthetic task
   staying on, so that it does not shrink to the grammar of the clips.

Both ship, as the two halves of `SpeechToLips`: nobody in `HELD_OUT` is in them, so that what `training.evaluate`
measures is what is served.
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
from torch.nn import functional

from export.speech_to_lips import LIPS, PHONEMES, WEIGHTS, Listener, MelPower, Prediction, SpeechToLips, load, save
from training import augment
from training.articulation import aperture, estimate_delay
from training.clips import measure_all
from training.corpus import (
    RealBatch,
    RealClips,
    Scale,
    Spoken,
    SyntheticBatch,
    closed_aperture,
    restore,
    scales,
    store,
    synthesise,
    synthetic_batch,
)
from training.phones import RATE

log = logging.getLogger("training.speech")

HELD_OUT = ("x_lbax4n", "x_lrwp9a", "x_sbwe5n", "s2", "s16", "s25", "s27")
LIP_WEIGHTS = torch.tensor((1.0, 0.4, 0.4, 0.4, 0.3))
"""How much each of LIPS counts: the ruler is steadiest for the aperture."""
OFFSET_SHARE = 0.3
"""How much of the lip loss looks at absolute values; the rest looks at the movement, free of a clip's expression."""
SHUT = 0.1
"""Standard deviations above the closed aperture that still count as shut."""
ARTICULATION = 0.3
"""How much the rough aperture that phonetics expects counts on synthetic speech, against the measured one on clips.
It holds the network up where the clips say nothing; without it, natural speech gets worse with every step."""
AVERAGE_DECAY = 0.99


@dataclass(frozen=True)
class Stage:
    """One stage of training. Every step sees about `seconds` of synthetic and as much of real speech."""

    steps: int
    rate: float
    seconds: float = 30.0


STAGES = {
    "phonemes": Stage(steps=8000, rate=2e-3),
    "lips": Stage(steps=500, rate=1e-3),
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


def phone_losses(told: Prediction, batch: SyntheticBatch) -> Tensor:
    """Cross-entropy of phonemes, closure (which is rare, and the hardest) and silence on synthetic speech."""
    phonemes = functional.cross_entropy(
        told.phonemes.flatten(0, 1), batch.phonemes.flatten(), label_smoothing=0.05, ignore_index=-100
    )
    sure = ~batch.closure.isnan()
    closure = functional.binary_cross_entropy_with_logits(
        told.closure[..., 0][sure], batch.closure[sure], pos_weight=torch.tensor(3.0)
    )
    silence = functional.binary_cross_entropy_with_logits(told.silence[..., 0], batch.rest)
    return phonemes + 2 * closure + 0.5 * silence


def shut_loss(told: Prediction, batch: SyntheticBatch, closed: float) -> Tensor:
    """Lips that do not shut for p, b, m or rest in a pause, in squared standard deviations."""
    gape = functional.relu(told.lips[..., 0] - closed - SHUT) ** 2
    bilabial = batch.closure == 1
    return _mean(gape, bilabial) + _mean(gape, batch.rest == 1)


def articulation_loss(told: Prediction, batch: SyntheticBatch) -> Tensor:
    """Squared distance of the aperture from what phonetics expects of the phones spoken."""
    known = batch.phonemes >= 0
    expected = aperture(functional.one_hot(batch.phonemes.clamp(min=0), len(PHONEMES)).float())
    return _mean((told.lips[..., 0] - expected) ** 2, known)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    weight = where.to(values.dtype)
    return (values * weight).sum() / (weight.sum() + 1)


def lip_loss(told: Prediction, batch: RealBatch) -> Tensor:
    """Squared error of the lips at the video frames, for the movement and, lighter, for the absolute values."""
    predicted = at_instants(told.lips, batch.instant)
    weight = batch.weight[..., None]
    error = (predicted - batch.lips) * weight
    mean = error.sum(dim=1, keepdim=True) / (weight.sum(dim=1, keepdim=True) + 1)
    moving = (error - mean) * weight
    squares = OFFSET_SHARE * error**2 + (1 - OFFSET_SHARE) * moving**2
    return (squares * LIP_WEIGHTS).sum() / weight.sum()


def at_instants(lips: Tensor, instant: Tensor) -> Tensor:
    """Lips [N, T, K] interpolated at fractional instants [N, F] -> [N, F, K]."""
    low = instant.floor().long().clamp(0, lips.shape[1] - 2)
    share = (instant - low)[..., None]
    rows = torch.arange(len(lips))[:, None]
    return lips[rows, low] * (1 - share) + lips[rows, low + 1] * share


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


def learning_rates(stage: Stage) -> Iterator[float]:
    """A short warm-up, then half a cosine down."""
    for step in range(stage.steps):
        yield stage.rate * min(1.0, (step + 1) / 50) * max(0.01, 0.5 * (1 + math.cos(math.pi * step / stage.steps)))


def train(
    network: Listener,
    stage: Stage,
    spoken: dict[str, list[Spoken]],
    real: RealClips | None,
    closed: float,
    seed: int,
) -> Listener:
    """Train in place; return the average."""
    chance = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), stage.rate, weight_decay=2e-2)
    average = Average(network)
    front = MelPower()
    network.train()
    for step, rate in enumerate(learning_rates(stage)):
        for group in optimiser.param_groups:
            group["lr"] = rate
        # windows of 2 to 8 s, so that the normalisation meets all that a caller may send
        instants = int(RATE * 2 * 4 ** chance.random())
        count = max(2, round(stage.seconds * RATE / instants))
        synthetic = synthetic_batch(spoken, count, instants, chance)
        mels = [features(front, synthetic.audio, generator, strong=True)]
        natural = None
        if real is not None:
            natural = real.batch(count, instants, chance)
            mels.append(features(front, natural.audio, generator, strong=False))
        with torch.autocast("cpu", torch.bfloat16):
            told = network(torch.cat(mels))
        parts = [Prediction(*(value.float()[rows] for value in vars(told).values()))
                 for rows in (slice(count), slice(count, None))]  # fmt: skip
        loss = phone_losses(parts[0], synthetic)
        report = {"phones": loss.item()}
        if natural is not None:
            moved, open_ = lip_loss(parts[1], natural), shut_loss(parts[0], synthetic, closed)
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


def run(clips_folder: Path, work: Path, out: Path, seconds: float, seed: int) -> None:
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
        listener = train(Listener(), STAGES["phonemes"], spoken, None, closed, seed)
        save(SpeechToLips(listener, listener), constants, phonemes)
    network, _ = load(phonemes)
    delays = {clip.name: estimate_delay(clip, network) for clip in clips if clip.name.startswith("whitehouse")}
    log.info("sound against picture: %s", delays)
    heard = [clip for clip in clips if clip.speaker not in HELD_OUT]
    log.info("stage lips: %s, %d clips", asdict(STAGES["lips"]), len(heard))
    lips = train(network.lips, STAGES["lips"], spoken, RealClips(heard, scale, delays), closed, seed + 1)
    save(SpeechToLips(network.phones, lips), constants, out)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.speech", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder with grid/ and us/whitehouse_*")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="checkpoint to write (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=7200, help="of synthetic speech (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    run(given.clips, given.work, given.out, given.seconds, given.seed)


if __name__ == "__main__":
    main()
