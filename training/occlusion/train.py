"""Train `face_occlusion`.

    python -m training.occlusion.train --faces FOLDER --hand right.glb --photographs skimage/data --out weights.npz

One thread; stops after `--minutes`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from export.networks.face_occlusion import FaceOcclusion
from training.occlusion import hands, textures
from training.occlusion.occluders import Stock
from training.occlusion.samples import WEIGHT, Maker, Sample, load, person

BATCH, FRESH, KEPT = 24, 5, 4000
"""Samples of a step, how many of them are new, and how many are kept to be shown again in another light."""
HELD_OUT = ("s25", "s27")
"""People that are not trained on."""
RATE = 3e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="what `training.occlusion.faces` wrote")
    parser.add_argument("--hand", type=Path, required=True, help="generic-hand/right.glb")
    parser.add_argument("--photographs", type=Path, required=True, help="skimage/data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--hands", type=int, default=420, help="renderings of hands, kept beside --out")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(11)
    rendered = _rendered(arguments, rng)
    stock = Stock(rendered[24:], textures.photographs(arguments.photographs))
    recordings = load(sorted(arguments.faces.glob("*.npz")))
    known = [r for r in recordings if person(r.name) not in HELD_OUT]
    others = [r for r in recordings if person(r.name) in HELD_OUT]
    check = Maker(others, Stock(rendered[:24], stock.pictures), 1)
    tests = [check() for _ in range(400)]
    train(Maker(known, stock, arguments.seed + 2), tests, arguments)


def _rendered(arguments: argparse.Namespace, rng: np.random.Generator) -> list[hands.Rendering]:
    kept = arguments.out.parent / f"hands-{arguments.hands}.npz"
    if not kept.exists():
        hand = hands.load(arguments.hand)
        hands.save(kept, [hands.render(hand, rng) for _ in range(arguments.hands)])
    return hands.read(kept)


def train(make: Maker, tests: list[Sample], arguments: argparse.Namespace) -> None:
    network = FaceOcclusion()
    if arguments.start:
        with np.load(arguments.start) as file:
            network.load_state_dict({name: torch.from_numpy(file[name]) for name in file.files})
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), arguments.rate, weight_decay=1e-3)
    pool: list[Sample] = []
    rng = np.random.default_rng(arguments.seed + 3)
    began, step, lost, shown = time.monotonic(), 0, 0.0, time.monotonic()
    while (share := (time.monotonic() - began) / (60 * arguments.minutes)) < 1:
        warm = min(1.0, (step + 1) / 100)
        for group in optimiser.param_groups:
            group["lr"] = arguments.rate * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * share)))
        some = [make() for _ in range(FRESH if len(pool) >= BATCH else BATCH)]
        some += [pool[rng.integers(len(pool))].again(rng) for _ in range(BATCH - len(some))]
        pool = (pool + some[:FRESH])[-KEPT:]
        network.train()
        loss = _loss(network, some)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        keep = min(0.998, step / (step + 10))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                mean[name].lerp_(value, 1 - keep)
            else:
                mean[name].copy_(value)
        lost = 0.98 * lost + 0.02 * float(loss.detach()) if step > 1 else float(loss.detach())
        if time.monotonic() - shown > 180:
            shown = time.monotonic()
            _save(mean, arguments.out)
            print(f"{(shown - began) / 60:.1f} min, step {step}, loss {lost:.4f}, {_test(mean, tests)}", flush=True)
    _save(mean, arguments.out)
    print(f"done, step {step}, loss {lost:.4f}, {_test(mean, tests)}", flush=True)


def _tensors(some: list[Sample]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures, masks and weights, the batch axis first."""
    columns = ([s.face for s in some], [s.usual for s in some], [s.mask for s in some], [s.doubt for s in some])
    face, usual, mask, doubt = (torch.from_numpy(np.stack(column)) for column in columns)
    weight = torch.from_numpy(WEIGHT) * (1 - 0.8 * doubt.float())
    small, weight = (functional.avg_pool2d(t[:, None], 2)[:, 0] for t in (mask.float(), weight))
    return face, usual, small, weight


def _loss(network: FaceOcclusion, some: list[Sample]) -> Tensor:
    """Cross entropy and a soft Dice of each picture that has an occluder."""
    face, usual, mask, weight = _tensors(some)
    logits = network.logits(face, usual)
    entropy = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    entropy = (entropy * weight).sum() / weight.sum()
    shown = torch.sigmoid(logits)
    both = (shown * mask * weight).sum((1, 2))
    dice = 1 - (2 * both + 20) / ((shown * weight).sum((1, 2)) + (mask * weight).sum((1, 2)) + 20)
    return entropy + 0.3 * dice.mean()


def _test(state: dict[str, Tensor], tests: list[Sample]) -> str:
    network = FaceOcclusion()
    network.load_state_dict(state)
    network.eval()
    with torch.no_grad():
        parts = [network(*_tensors(tests[k : k + 40])[:2]) for k in range(0, len(tests), 40)]
    seen = torch.cat(parts).numpy() > 127
    mask, near = np.stack([s.mask for s in tests]), WEIGHT[None] > 0.6
    covered = (mask & near).any((1, 2))
    union, both = ((seen | mask) & near).sum((1, 2)), (seen & mask & near).sum((1, 2))
    iou = (both / np.maximum(union, 1))[covered]
    false = (seen & near & ~mask)[~covered].sum() / (near.sum() * (~covered).sum())
    return f"IoU {iou.mean():.3f} (median {np.median(iou):.3f}), false alarms {100 * false:.2f} %"


def _save(state: dict[str, Tensor], path: Path) -> None:
    with path.with_suffix(".part").open("wb") as file:
        np.savez(file, **{name: value.numpy() for name, value in state.items()})
    path.with_suffix(".part").replace(path)


if __name__ == "__main__":
    main()
