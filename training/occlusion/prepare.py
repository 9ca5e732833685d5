"""Make training samples of `face_occlusion` ahead, for `training.occlusion.train` to read.

    python -m training.occlusion.prepare --faces FOLDER --hand right.glb --photographs skimage/data --out FOLDER

Writes `check.npz`, samples of the people and the hands that are held out, and then one `.npz` of a thousand samples
after another, and waits while twenty of them are unread.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from training.occlusion import hands, textures
from training.occlusion.samples import Maker, Sample, load, person
from training.occlusion.shapes import Stock

HELD_OUT = ("s25", "s27")
"""People that are not trained on."""
HANDS, HANDS_HELD_OUT = 1200, 60
CHECKED, TOGETHER, AHEAD = 1000, 1000, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="what `training.occlusion.faces` wrote")
    parser.add_argument("--hand", type=Path, required=True, help="generic-hand/right.glb")
    parser.add_argument("--photographs", type=Path, required=True, help="skimage/data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rendered = _rendered(arguments)
    pictures = textures.photographs(arguments.photographs)
    recordings = load(sorted(arguments.faces.glob("*.npz")))
    known = [r for r in recordings if person(r.name) not in HELD_OUT]
    others = [r for r in recordings if person(r.name) in HELD_OUT]
    check = Maker(others, Stock(rendered[:HANDS_HELD_OUT], pictures, [r.usual for r in others]), 1)
    if not (arguments.out / "check.npz").exists():
        write(arguments.out / "check.npz", [check() for _ in range(CHECKED)])
    faces = [crop for r in known for crop in r.crops[::8]]
    make = Maker(known, Stock(rendered[HANDS_HELD_OUT:], pictures, faces), arguments.seed + 2)
    number, end = 0, time.monotonic() + 60 * arguments.minutes
    while time.monotonic() < end:
        if len(list(arguments.out.glob("some-*.npz"))) >= AHEAD:
            time.sleep(5)
            continue
        write(arguments.out / f"some-{arguments.seed}-{number:05d}.npz", [make() for _ in range(TOGETHER)])
        number += 1


def _rendered(arguments: argparse.Namespace) -> list[hands.Rendering]:
    kept = arguments.out / "hands.npz"
    if not kept.exists():
        hand, rng = hands.load(arguments.hand), np.random.default_rng(11)
        hands.save(kept, [hands.render(hand, rng) for _ in range(HANDS)])
    return hands.read(kept)


def write(path: Path, samples: list[Sample]) -> None:
    columns = {
        name: np.stack([getattr(sample, name) for sample in samples]) for name in ("face", "usual", "mask", "doubt")
    }
    for name in ("mask", "doubt"):
        columns[name] = np.packbits(columns[name], axis=-1)
    with path.with_suffix(".part").open("wb") as file:
        np.savez(file, **columns)
    path.with_suffix(".part").replace(path)


def read(path: Path) -> list[Sample]:
    with np.load(path) as file:
        masks = [np.unpackbits(file[name], axis=-1).astype(bool) for name in ("mask", "doubt")]
        return [Sample(*row) for row in zip(file["face"], file["usual"], *masks, strict=True)]


if __name__ == "__main__":
    main()
