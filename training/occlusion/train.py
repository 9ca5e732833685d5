"""Train `face_occlusion` on what `training.occlusion.prepare` makes.

    python -m training.occlusion.train --samples FOLDER --out weights.npz [--start weights.npz]

One thread; stops after `--minutes`. Samples that it has read are removed from the folder: run `prepare` beside it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from export.networks.face_occlusion import INNER, FaceOcclusion
from training.occlusion.prepare import read
from training.occlusion.samples import WEIGHT, Sample

BATCH, KEPT = 24, 100_000
"""Samples of a step, and how many are kept to be shown again in another light."""
RATE = 2e-3
EVERY = 180
"""Seconds between two of the weights that are kept."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="where `training.occlusion.prepare` writes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(arguments.seed)
    train(read(arguments.samples / "check.npz"), arguments)


@dataclass(frozen=True)
class Pool:
    """Samples at half the size; pictures: uint8 [KEPT, 2, 3, INNER, INNER], the face and how it usually looks;
    masks: alike, how much of a pixel is covered and how much of it is in doubt, 0-4."""

    pictures: npt.NDArray[Any]
    masks: npt.NDArray[Any]

    @classmethod
    def of(cls, count: int) -> Pool:
        return cls(np.empty((count, 2, 3, INNER, INNER), np.uint8), np.empty((count, 2, INNER, INNER), np.uint8))

    def put(self, at: int, sample: Sample) -> None:
        for k, picture in enumerate((sample.face, sample.usual)):
            small = cv2.resize(picture, (INNER, INNER), interpolation=cv2.INTER_AREA)
            self.pictures[at, k] = small.transpose(2, 0, 1)
        for k, mask in enumerate((sample.mask, sample.doubt)):
            self.masks[at, k] = mask.reshape(INNER, 2, INNER, 2).sum((1, 3))

    def take(self, places: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures [n, 2, 3, INNER, INNER], 0-255, masks and weights [n, INNER, INNER]."""
        mask, doubt = torch.from_numpy(self.masks[places]).float().div_(4).unbind(1)
        return torch.from_numpy(self.pictures[places]).float(), mask, SMALL_WEIGHT * (1 - 0.8 * doubt)


SMALL_WEIGHT = functional.avg_pool2d(torch.from_numpy(WEIGHT)[None], 2)[0]


def train(tests: list[Sample], arguments: argparse.Namespace) -> None:
    network = _started(arguments.start)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), arguments.rate, weight_decay=1e-3)
    pool, held, rng = Pool.of(KEPT), 0, np.random.default_rng(arguments.seed + 3)
    check = Pool.of(len(tests))
    for k, sample in enumerate(tests):
        check.put(k, sample)
    print(f"before: {_test(mean, check)}", flush=True)
    began, step, lost, shown = time.monotonic(), 0, 0.0, time.monotonic()
    while (share := (time.monotonic() - began) / (60 * arguments.minutes)) < 1:
        if step % 100 == 0:
            held = _fill(pool, held, arguments.samples)
        rate = arguments.rate * min(1.0, (step + 1) / 300) * (0.005 + 0.995 * 0.5 * (1 + np.cos(np.pi * share)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        network.train()
        loss = _loss(network, *_varied(*pool.take(rng.integers(0, min(held, KEPT), BATCH))))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        _follow(mean, network.state_dict(), min(0.999, step / (step + 10)))
        lost = 0.99 * lost + 0.01 * float(loss.detach()) if step > 1 else float(loss.detach())
        if time.monotonic() - shown > EVERY:
            shown = time.monotonic()
            _save(mean, arguments.out)
            where = f"{(shown - began) / 60:.1f} min, step {step}, of {held} samples, loss {lost:.4f}"
            print(f"{where}, {_test(mean, check)}", flush=True)
    _save(mean, arguments.out)
    print(f"done, step {step}, loss {lost:.4f}, {_test(mean, check)}", flush=True)


def _started(path: Path | None) -> FaceOcclusion:
    network = FaceOcclusion()
    if path:
        with np.load(path) as file:
            network.load_state_dict({name: torch.from_numpy(file[name]) for name in file.files})
    return network


def _fill(pool: Pool, held: int, folder: Path) -> int:
    """Take in what there is, over the oldest; waits for the first of it. Returns how many were ever taken in."""
    while not (found := sorted(folder.glob("some-*.npz"))) and not held:
        time.sleep(1)
    for path in found[: 1 if held else None]:
        for sample in read(path):
            pool.put(held % KEPT, sample)
            held += 1
        path.unlink()
    return held


def _varied(pictures: Tensor, mask: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Faces, usual faces, masks and weights in another light, half of them mirrored."""
    count = len(pictures)
    gain = torch.empty(count, 1, 1, 1, 1).uniform_(0.8, 1.2) * torch.randn(count, 1, 3, 1, 1).mul(0.05).exp()
    pictures = (pictures * gain).clamp_(max=255)
    half = count // 2
    for tensor in (pictures, mask, weight):
        tensor[:half] = tensor[:half].flip(-1)
    return pictures[:, 0], pictures[:, 1], mask, weight


def _loss(network: FaceOcclusion, face: Tensor, usual: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy and a soft Dice of each picture."""
    logits = network.halved(face, usual)
    entropy = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    entropy = (entropy * weight).sum() / weight.sum()
    shown = torch.sigmoid(logits)
    both = (shown * mask * weight).sum((1, 2))
    dice = 1 - (2 * both + 20) / ((shown * weight).sum((1, 2)) + (mask * weight).sum((1, 2)) + 20)
    return entropy + 0.3 * dice.mean()


def _follow(mean: dict[str, Tensor], state: dict[str, Tensor], keep: float) -> None:
    for name, value in state.items():
        if value.is_floating_point():
            mean[name].lerp_(value, 1 - keep)
        else:
            mean[name].copy_(value)


def _test(state: dict[str, Tensor], check: Pool) -> str:
    network = FaceOcclusion()
    network.load_state_dict(state)
    network.eval()
    near = SMALL_WEIGHT > 0.6
    counts = []
    for k in range(0, len(check.masks), 50):
        pictures, mask, _ = check.take(np.arange(k, min(k + 50, len(check.masks))))
        with torch.no_grad():
            seen = (network.halved(pictures[:, 0], pictures[:, 1]) > 0) & near
        truth = (mask >= 0.5) & near
        counts.append(torch.stack([(seen & truth).sum((1, 2)), seen.sum((1, 2)), truth.sum((1, 2))], 1))
    both, seen, truth = torch.cat(counts).numpy().T
    covered = truth > 0
    iou, recall = ((both / np.maximum(of, 1))[covered] for of in (seen + truth - both, truth))
    false = seen[~covered].sum() / (int(near.sum()) * (~covered).sum())
    return (
        f"IoU {iou.mean():.3f} (median {np.median(iou):.3f}), recall {recall.mean():.3f}, "
        f"missed {(recall < 0.5).mean():.3f}, false alarms {100 * false:.2f} %"
    )


def _save(state: dict[str, Tensor], path: Path) -> None:
    with path.with_suffix(".part").open("wb") as file:
        np.savez(file, **{name: value.numpy() for name, value in state.items()})
    path.with_suffix(".part").replace(path)


if __name__ == "__main__":
    main()
