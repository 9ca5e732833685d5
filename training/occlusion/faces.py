"""Cut faces out of clips, in the pose in which the service shows them to the network.

    python -m training.occlusion.faces --clips FILES --out FOLDER

Writes one `.npz` a clip, named after its folder and file: `crops` uint8 [n, 192, 192, 3] RGB, which reach a little
beyond the network's, so that they can be shifted and turned, and `lips` float32 [n, 40, 2], their outlines.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from digital_human.core import cover
from digital_human.core import landmarks as mesh
from digital_human.core.frame import warp_rgb
from digital_human.core.types import Models
from digital_human.engines.exemplar import head_pose
from digital_human.media.reader import VideoReader
from digital_human.occlusion import face_crops
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer
from training.occlusion.samples import STORED, STORED_HALF

LONGEST, WANTED = 400, 25
"""Frames read of each clip, and those kept of them."""
MIN_SCORE, LEAST = 0.5, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with TritonServer(needed=("face_detector", "face_mesh")) as server:
        server.ready()
        models = TritonModels(server.url)
        for clip in arguments.clips:
            target = arguments.out / f"{clip.parent.name}_{clip.stem}.npz"
            if not target.exists():
                write(clip, target, models)


def write(clip: Path, target: Path, models: Models) -> None:
    frames = list(islice(VideoReader(clip).frames(), LONGEST))
    track = track_face(frames, models)
    good = np.flatnonzero(track.present & (track.score > MIN_SCORE))
    if len(good) < LEAST:
        print(f"{clip}: hardly any face")
        return
    points = head_pose.steady(track, good)
    maps = face_crops.to_crops(head_pose.canonical_face(points), points)
    wide = np.array(maps)
    scale = STORED / STORED_HALF / (cover.SIZE / cover.HALF)
    middle = (cover.SIZE - 1) / 2
    wide *= scale
    wide[:, :, 2] += (STORED - 1) / 2 - scale * middle
    kept = np.unique(np.linspace(0, len(good) - 1, min(WANTED, len(good))).round().astype(int))
    crops = np.stack([warp_rgb(frames[good[k]], wide[k], STORED) for k in kept])
    lips = face_crops.transformed(wide[kept], points[kept][:, mesh.LIPS, :2])
    np.savez(target, crops=crops, lips=lips)
    print(f"{clip.name}: {len(kept)} faces", flush=True)


if __name__ == "__main__":
    main()
