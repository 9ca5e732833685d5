"""Measure `face_occlusion`: what it finds of things that come and go before faces, and what it sees where nothing is.

    python -m training.occlusion.evaluate --clips FILES --cache FOLDER --hand right.glb --photographs skimage/data \\
        --weights weights.npz

Everything as the service has it: the crops of a clip, their median, the network, `tidy.py`. The things are drawn by the
training's own program; give it clips of people, and `--seed` of hands, that were not trained on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from digital_human.core import landmarks as mesh
from digital_human.core.frame import warp_rgb
from digital_human.core.types import MIN_FACE_SCORE, Arrays, Models
from digital_human.engines.exemplar import head_pose
from digital_human.media.reader import VideoReader
from digital_human.occlusion import face_crops
from digital_human.occlusion.masks import look, regions, shown_as_is
from digital_human.occlusion.tidy import LIKELY
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer
from export.networks.face_occlusion import FaceOcclusion, load
from training.occlusion import Float, Uint8, hands, occluders, textures
from training.occlusion.shapes import SIZE, UNIT, Occluder, Stock

LONGEST, SHOWN = 300, 24
"""Frames looked at of a free clip, and those in which a thing comes and goes."""
KINDS = ("hand", "own hand", "limb", "microphone", "board", "cup", "cloth", "hair")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--hand", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--each", type=int, default=1, help="things of each kind in front of each clip")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    clips = cached(arguments.clips, arguments.cache)
    models = Network(load(arguments.weights))
    free(clips, models)
    rng = np.random.default_rng(arguments.seed)
    hand = hands.load(arguments.hand)
    faces = [clip.crops[0] for clip in clips]
    stock = Stock([hands.render(hand, rng) for _ in range(60)], textures.photographs(arguments.photographs), faces)
    for kind in KINDS:
        print_summary(kind, [seen(clip, kind, rng, stock, models) for clip in clips for _ in range(arguments.each)])


@dataclass(frozen=True)
class Network:
    """The network by its weights, as the service calls it."""

    network: FaceOcclusion

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, Any]:
        face, usual = (torch.from_numpy(np.ascontiguousarray(inputs[key])) for key in ("face", "usual"))
        with torch.no_grad():
            return {"mask": self.network(face, usual).numpy()}


@dataclass(frozen=True)
class Clip:
    """crops: uint8 [n, SIZE, SIZE, 3], of consecutive frames; lips: float32 [n, 20, 2], their pixels"""

    name: str
    crops: Uint8
    lips: Float


def cached(paths: list[Path], folder: Path) -> list[Clip]:
    """The faces of clips, cut once."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = [folder / f"{path.parent.name}_{path.stem}.npz" for path in paths]
    if not all(target.exists() for target in targets):
        with TritonServer(needed=("face_detector", "face_mesh")) as server:
            server.ready()
            models = TritonModels(server.url)
            for path, target in zip(paths, targets, strict=True):
                if not target.exists():
                    np.savez(target, **cut(path, models))
    clips = []
    for target in targets:
        with np.load(target) as file:
            clips.append(Clip(target.stem, file["crops"], file["lips"]))
    return clips


def cut(path: Path, models: Models) -> dict[str, Any]:
    frames = list(islice(VideoReader(path).frames(), LONGEST))
    track = track_face(frames, models)
    good = np.flatnonzero(track.present & (track.score > MIN_FACE_SCORE))
    points = head_pose.steady(track, good)
    maps = face_crops.to_crops(head_pose.canonical_face(points), points)
    crops = np.stack([warp_rgb(frames[k], matrix, SIZE) for k, matrix in zip(good, maps, strict=True)])
    return {"crops": crops, "lips": face_crops.transformed(maps, points[:, mesh.OUTER_LIPS, :2])}


def free(clips: list[Clip], models: Models) -> None:
    """Prints what is marked where nothing is in front."""
    total = np.zeros(4)
    for clip in clips:
        _, unsure, shares = look(clip.crops, clip.lips, models)
        through = shown_as_is(shares.max(0), unsure) > 0
        row = np.array([100 * shares[0].mean(), 100 * shares[1].mean(), 100 * through.mean(), len(clip.crops)])
        total += row * [row[3], row[3], row[3], 1]
        if row[:3].any():
            print(f"  free {clip.name}: lips {row[0]:.3f} %, drawn {row[1]:.3f} %, shown as they are {row[2]:.1f} %")
    lips, drawn, shown = total[:3] / total[3]
    print(f"free: {total[3]:.0f} frames, lips {lips:.4f} %, drawn {drawn:.4f} %, shown as they are {shown:.2f} %")


@dataclass(frozen=True)
class Found:
    """Of each frame that is covered: of the network's own mask the IoU and the recall, of the tidied one the recall and
    the precision, and the share of the thing's pixels where a mouth is drawn that a job would draw over."""

    iou: Float
    raw: Float
    recall: Float
    precision: Float
    spoilt: Float


def seen(clip: Clip, kind: str, rng: np.random.Generator, stock: Stock, models: Models) -> Found:
    first = int(rng.integers(0, max(1, len(clip.crops) - 2 * SHOWN)))
    crops = clip.crops[first : first + 2 * SHOWN].copy()
    lips = clip.lips[first : first + 2 * SHOWN]
    solid = np.zeros(crops.shape[:3], bool)
    thing = made(kind, rng, stock, crops[0].astype(np.float32))
    away = rng.uniform(0, 2 * np.pi)
    quality = int(rng.integers(55, 96))
    for k in range(min(len(crops), SHOWN)):
        there = moved(thing, away, k, rng)
        crops[k], solid[k] = laid(crops[k], there, quality), there[1] > 0.5
    answer = models.infer("face_occlusion", {"face": crops, "usual": _usual(crops)}, ("mask",))["mask"]
    raw = np.asarray(answer, np.uint8) >= LIKELY
    masks, unsure, shares = look(crops, lips, models)
    through = shown_as_is(shares.max(0), unsure)
    _, drawn, near = regions(lips)
    covered = (solid & drawn).sum((1, 2)) > 0.02 * drawn.sum()
    truth, raw, tidy = (mask[covered] & (near > 0) for mask in (solid, raw, masks > 0))
    spoilt = (
        (solid & drawn & (masks == 0)).sum((1, 2)) / np.maximum((solid & (near > 0)).sum((1, 2)), 1) * (through < 1)
    )
    return Found(
        _share(raw & truth, raw | truth),
        _share(raw & truth, truth),
        _share(tidy & truth, truth),
        _share(tidy & truth, tidy),
        spoilt[covered],
    )


def _usual(crops: Uint8) -> Uint8:
    return np.broadcast_to(np.median(crops, axis=0).astype(np.uint8), crops.shape)


def _share(some: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> Float:
    return np.asarray(some.sum((1, 2)) / np.maximum(of.sum((1, 2)), 1))


def made(kind: str, rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """Something of this kind that covers part of what is drawn."""
    while True:
        colour, alpha = occluders.made(kind, rng, stock, face)
        middle = alpha[SIZE // 2 - 32 : SIZE // 2 + 16, SIZE // 2 - 32 : SIZE // 2 + 32]
        if (middle > 0.5).mean() > 0.08:
            return cv2.GaussianBlur(colour, (0, 0), 0.6), cv2.GaussianBlur(alpha, (0, 0), 0.6)


def moved(thing: Occluder, away: float, k: int, rng: np.random.Generator) -> Occluder:
    """The thing as it is in frame k of those in which it comes and goes."""
    apart = 2.2 * UNIT * np.clip(abs(k - SHOWN / 2 + 0.5) / 3.5 - 1.1, 0, 1.2)
    x, y = np.array([np.cos(away), np.sin(away)]) * apart + rng.normal(0, 0.4, 2)
    move = np.array([[1, 0, x], [0, 1, y]])
    colour, alpha = (cv2.warpAffine(a, move, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE) for a in thing)
    return colour, alpha


def laid(crop: Uint8, thing: Occluder, quality: int) -> Uint8:
    """A crop with the thing in front, which throws a shadow, as a camera has it."""
    colour, alpha = thing
    thrown = cv2.GaussianBlur(cv2.warpAffine(alpha, np.array([[1.0, 0, 2], [0, 1, 4]]), (SIZE, SIZE)), (0, 0), 4)
    picture = crop * (1 - 0.25 * thrown[..., None])
    picture += alpha[..., None] * (colour - picture)
    packed = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def print_summary(kind: str, found: list[Found]) -> None:
    iou, raw, recall, precision, spoilt = (
        np.concatenate([getattr(f, name) for f in found]) for name in ("iou", "raw", "recall", "precision", "spoilt")
    )
    print(
        f"{kind}: {len(iou)} frames, IoU {iou.mean():.3f} (median {np.median(iou):.3f}), recall {raw.mean():.3f}; then "
        f"recall {recall.mean():.3f}, precision {precision.mean():.3f}, miss half {100 * (recall < 0.5).mean():.1f} %, "
        f"drawn over {100 * spoilt.mean():.2f} % (worst tenth {100 * np.percentile(spoilt, 90):.2f} %, "
        f"more than 1 % in {100 * (spoilt > 0.01).mean():.1f} % of frames)",
        flush=True,
    )


if __name__ == "__main__":
    main()
