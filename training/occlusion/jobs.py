"""Measure what whole jobs do to things in front of faces: the share of their pixels that changes, frame by frame.

    python -m training.occlusion.jobs --clips FILES --hand right.glb --photographs skimage/data --weights weights.npz

The things come and go as in `training.occlusion.evaluate`; template, masks, mouth and all are the default engine's,
before encoding. With `--sheets FOLDER` it draws frames of each job beside the template's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from digital_human.core import frame as pixels
from digital_human.core.frame import Frame, warp_rgb
from digital_human.core.types import MIN_FACE_SCORE, Arrays, Models, Template
from digital_human.engines.base import slice_plan
from digital_human.engines.exemplar import head_pose
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.media.reader import VideoReader
from digital_human.occlusion import face_crops
from digital_human.occlusion.masks import find_cover
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer
from export.networks.face_occlusion import load
from training.occlusion import Float, hands, textures
from training.occlusion.evaluate import SHOWN, Network, made, moved
from training.occlusion.shapes import SIZE, Occluder, Stock

LENGTH, FIRST = 72, 24
"""Frames of a job, and the first in which the thing may be seen."""
CHANGED = 3
"""Levels of luma that a pixel may change by."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--hand", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--kinds", nargs="+", default=["hand", "own hand", "microphone", "cup", "board"])
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(arguments.seed)
    hand = hands.load(arguments.hand)
    stock = Stock([hands.render(hand, rng) for _ in range(40)], textures.photographs(arguments.photographs), [])
    totals: dict[str, list[Float]] = {kind: [] for kind in arguments.kinds}
    needed = ("face_detector", "face_mesh", "face_occlusion", *DefaultEngine.models)
    with TritonServer(needed=needed) as server:
        server.ready()
        models = With(TritonModels(server.url), Network(load(arguments.weights)))
        for clip in arguments.clips:
            for kind in arguments.kinds:
                job = ran(clip, kind, np.random.default_rng([arguments.seed, len(clip.stem)]), stock, models)
                totals[kind].append(job.changed)
                print(f"{clip.stem}, {kind}: {_summary(job.changed)}", flush=True)
                if arguments.sheets:
                    cv2.imwrite(str(arguments.sheets / f"{clip.stem}-{kind.replace(' ', '-')}.png"), sheet(job))
    for kind, parts in totals.items():
        print(f"all, {kind}: {_summary(np.concatenate(parts))}")


@dataclass(frozen=True)
class With:
    """Models of the server, but for the network that is measured."""

    server: Models
    network: Network

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, Any]:
        asked: Models = self.network if model == "face_occlusion" else self.server
        return dict(asked.infer(model, inputs, outputs))


@dataclass(frozen=True)
class Job:
    """frames, drawn: the template and the result; solid: bool [n, H, W], the thing; changed: float [k], of the frames
    in which it is in front of the face, the share of its pixels that changed"""

    frames: list[Frame]
    drawn: list[Frame]
    solid: npt.NDArray[np.bool_]
    changed: Float


def ran(clip: Path, kind: str, rng: np.random.Generator, stock: Stock, models: With) -> Job:
    frames, solid = covered(list(islice(VideoReader(clip).frames(), LENGTH)), kind, rng, stock, models)
    width, height = frames[0].width, frames[0].height
    track = track_face(frames, models)
    template = Template(width, height, Fraction(25), len(frames), track, lambda: iter(frames))
    template = replace(template, cover=find_cover(template, models))
    engine, order = DefaultEngine(), np.arange(len(frames))
    time = np.arange(len(frames) * 640)
    speech = 0.4 * np.sin(time * 2 * np.pi * 150 / 16_000) * np.sin(time / 1500)
    analysis = engine.analyse(template, models)
    plan = engine.plan(template, analysis, speech.astype(np.float32), order, models)
    drawn = [frame.copy() for frame in frames]
    cover = template.cover
    assert cover is not None
    for k in np.flatnonzero(track.present & (cover.through < 1)).tolist():
        (drawn[k],) = engine.render(template, analysis, slice_plan(plan, order[k : k + 1]), [frames[k]], models)
        cover.restore(k, frames[k], drawn[k])
    touched = np.flatnonzero(solid.any((1, 2)))
    share = [(np.abs(drawn[k].planes[0].astype(int) - frames[k].planes[0])[solid[k]] > CHANGED).mean() for k in touched]
    return Job(frames, drawn, solid, np.array(share))


def covered(
    frames: list[Frame], kind: str, rng: np.random.Generator, stock: Stock, models: Models
) -> tuple[list[Frame], npt.NDArray[np.bool_]]:
    """The frames with the thing in front, and where it is solid."""
    track = track_face(frames, models)
    good = np.flatnonzero(track.present & (track.score > MIN_FACE_SCORE))
    points = head_pose.steady(track, good)
    maps = dict(zip(good.tolist(), face_crops.to_crops(head_pose.canonical_face(points), points), strict=True))
    face = warp_rgb(frames[good[0]], maps[good[0]], SIZE).astype(np.float32)
    thing = made(kind, rng, replace(stock, faces=[face.astype(np.uint8)]), face)
    away, out = rng.uniform(0, 2 * np.pi), list(frames)
    solid = np.zeros((len(frames), frames[0].height, frames[0].width), bool)
    for k in range(FIRST, FIRST + SHOWN):
        if k in maps:
            out[k], solid[k] = painted(frames[k], moved(thing, away, k - FIRST, rng), maps[k])
    return out, solid


def painted(frame: Frame, thing: Occluder, matrix: Float) -> tuple[Frame, npt.NDArray[np.bool_]]:
    """The frame with the thing of a crop in front."""
    shape, flags = (frame.width, frame.height), cv2.INTER_LINEAR
    back = cv2.invertAffineTransform(matrix)
    colour, alpha = (cv2.warpAffine(part.astype(np.float32), back, shape, flags=flags) for part in thing)
    before = pixels.crop(frame, 0, 0, *shape)
    there = pixels.rgb_to_yuv(np.clip(colour, 0, 255).astype(np.uint8), frame.matrix)
    after = before + alpha[..., None] * (there - before.astype(np.float32))
    out = frame.copy()
    pixels.paste(out, before, np.rint(np.clip(after, 0, 255)).astype(np.uint8), 0, 0)
    return out, alpha > 0.95


def sheet(job: Job) -> npt.NDArray[np.uint8]:
    """Frames as the template has them, above what was drawn."""
    places = np.flatnonzero(job.solid.any((1, 2)))
    rows = job.solid.any((0, 2)).nonzero()[0]
    columns = job.solid.any((0, 1)).nonzero()[0]
    tiles = []
    for k in places[np.linspace(0, len(places) - 1, 9).round().astype(int)]:
        pair = []
        for some in (job.frames[k], job.drawn[k]):
            picture = pixels.crop(some, 0, 0, some.width, some.height)
            picture = pixels.yuv_to_rgb(picture, some.matrix)[rows[0] : rows[-1], columns[0] : columns[-1]]
            pair.append(cv2.resize(picture, (220, 220), interpolation=cv2.INTER_AREA))
        tiles.append(np.vstack(pair))
    return np.asarray(np.hstack(tiles)[..., ::-1])


def _summary(changed: Float) -> str:
    return (
        f"{len(changed)} frames, changed {100 * changed.mean():.2f} %, worst {100 * changed.max():.1f} %, "
        f"more than 1 % in {100 * (changed > 0.01).mean():.0f} % of frames"
    )


if __name__ == "__main__":
    main()
