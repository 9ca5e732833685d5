"""Build the donor's inner mouths: what shows between parted lips, for templates whose own mouth never opens.

    python -m training.donor.build_atlas --clips FILES --out frontend/digital_human/assets/donor_mouths.npz

Two things are learnt from talking clips of one person:

- a *ladder* of pictures of the inside of the mouth, from nearly shut to wide open, all of one clip and so of one light.
  They are brought into a plane fixed to the skull, where the upper teeth stand still, and chosen so that neighbours
  look alike: fading from rung to rung then opens the mouth without a jump. Everything outside the lips' inner edge is
  painted black.
- the *opening*: how every vertex of the face mesh moves as the lips part and widen, by regression over all frames.

docs/donor-mouths.md says what may be used and how the service uses it.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.donor.faces import align, opening_of, read, reference_face
from training.donor.views import BLURS, SCALE, SEAM, TEETH, View, inside, register, ugliness, unlikeness, views_of
from training.face_mesh import FaceMesh

LEVELS = np.array([0.075, 0.135, 0.23, 0.255])
"""Wanted openings of the rungs, inter-ocular distances."""
SPACING = 0.016
"""At least this far apart, so that nothing fades in haste."""
CANDIDATES = 16
"""Views considered for each rung."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", nargs="+", type=Path, required=True, help="talking clips of one person")
    parser.add_argument("--mouths", type=Path, help="the clip the pictures come from; otherwise the best one")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--credit", default="The White House, US government work, public domain")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    atlas = build(arguments.clips, arguments.mouths)
    np.savez_compressed(arguments.out, credit=np.array(arguments.credit), **atlas)
    openings = np.round(np.asarray(atlas["openings"], float), 3)
    print(f"{arguments.out}: {len(atlas['pictures'])} mouths, openings {openings}")


def build(paths: list[Path], mouths: Path | None = None) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of the atlas; docs/donor-mouths.md lists them."""
    mesh = FaceMesh()
    tracked = {path: read(path, mesh) for path in paths}
    reference = reference_face(np.concatenate([points for _, points in tracked.values()]))
    clips = {path: align(images, points, reference) for path, (images, points) in tracked.items()}
    canonical = np.concatenate([clip.canonical for clip in clips.values()])
    shut, opening = opening_of(canonical)
    stocks = [views_of(clip, shut) for path, clip in clips.items() if mouths in (None, path)]
    rungs = min((_ladder(register(views)) for views in stocks if views), key=lambda ladder: ladder[0])[1]
    pictures = np.stack([np.where(inside(v.contour)[..., None], v.picture, 0) for v in rungs]).astype(np.uint8)
    return {
        "pictures": pictures,
        "contours": np.stack([v.contour for v in rungs]).astype(np.float32),
        "openings": np.array([v.opening for v in rungs], np.float32),
        "teeth": np.array(TEETH, np.float32),
        "crispness": np.mean([v.crispness for v in rungs], axis=0).astype(np.float32),
        "blurs": np.array(BLURS, np.float32),
        "seam": np.array(SEAM, np.float32),
        "scale": np.array(SCALE, np.float32),
        "reference": reference.astype(np.float32),
        "shut": shut.astype(np.float32),
        "opening": opening.astype(np.float32),
    }


def _ladder(views: list[View]) -> tuple[float, list[View]]:
    """One view a level, the best way up (dynamic programming): each good by itself, like its neighbours, rising.

    With its cost.
    """
    opening = np.array([v.opening for v in views])
    own = np.array([v.fault + ugliness(v) for v in views])
    levels = []
    for level in LEVELS:
        cost = own + ((opening - level) / (0.012 + 0.12 * level)) ** 2
        levels.append((np.argsort(cost)[:CANDIDATES], np.sort(cost)[:CANDIDATES]))
    total, back = levels[0][1], []
    for (below, _), (here, cost) in pairwise(levels):
        step = np.array([[unlikeness(views[i], views[j]) for i in below] for j in here])
        step[opening[here][:, None] < opening[below] + SPACING] = 50.0
        through = total + step
        back.append(through.argmin(axis=1))
        total = through.min(axis=1) + cost
    way = [int(total.argmin())]
    for link in reversed(back):
        way.append(int(link[way[-1]]))
    return float(total.min()), [views[found[k]] for (found, _), k in zip(levels, reversed(way), strict=True)]


if __name__ == "__main__":
    main()
