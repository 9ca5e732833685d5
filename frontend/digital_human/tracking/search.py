"""Small and far faces: a closer look at parts of a picture, which the detector sees as a whole at 192 pixels.

A face that is small there is dropped unless the detector finds it again in a *tile*, a square cut out around it. Where
the whole picture shows no face, overlapping tiles are searched, each level half as large as the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from digital_human.core.frame import Float64, Frame
from digital_human.core.types import Models
from digital_human.tracking.detector import INPUT_SIZE, MAX_OVERLAP, Detection, detect, overlap

SMALL = 24
"""Faces below this size, in pixels of the detector's input, need a second look."""
ZOOM = 3.0
"""Side of the tile of a second look, over the size of the face."""
SMALLEST_TILE = 320
"""Pixels. A face that can be served is found in such a tile, so smaller ones are not searched."""


def find_faces(frames: Sequence[Frame], models: Models) -> list[list[Detection]]:
    """Faces of each whole frame, the highest score first. Small ones are confirmed."""
    found = detect(frames, models)
    doubtful = [
        (k, face)
        for k, (frame, faces) in enumerate(zip(frames, found, strict=True))
        for face in faces
        if is_small(face.size, frame)
    ]
    if not doubtful:
        return found
    confirmed = look_closer([frames[k] for k, _ in doubtful], [face for _, face in doubtful], models)
    closer = {id(face): better for (_, face), better in zip(doubtful, confirmed, strict=True)}
    return [[face for old in faces if (face := closer.get(id(old), old)) is not None] for faces in found]


def is_small(size: float, frame: Frame) -> bool:
    """Whether a face of this size, pixels, is small in the detector's view of the whole frame."""
    return size * INPUT_SIZE < SMALL * max(frame.width, frame.height)


def look_closer(frames: Sequence[Frame], faces: Sequence[Detection], models: Models) -> list[Detection | None]:
    """The face that a tile around each of `faces` shows in its place; None where it shows none there.

    frames: the frame of each face
    """
    affines = [
        tile_around(frame, face.centre.astype(np.float64), ZOOM * face.size)
        for frame, face in zip(frames, faces, strict=True)
    ]
    seen = detect(frames, models, affines)
    return [
        next((other for other in others if _agree(face, other)), None) for face, others in zip(faces, seen, strict=True)
    ]


def look_near(frame: Frame, centre: Float64, size: float, models: Models) -> list[Detection]:
    """Faces in a tile around a place where one of this size, pixels, was last seen."""
    return detect([frame], models, [tile_around(frame, centre, ZOOM * size)])[0]


def search_tiles(frame: Frame, models: Models) -> list[Detection]:
    """Faces found, and confirmed, in the tiles of the first level that shows any, the highest score first."""
    side = max(frame.width, frame.height) / 2
    while side >= SMALLEST_TILE:
        centres = list(product(_centres(frame.width, side), _centres(frame.height, side)))
        affines = [tile_around(frame, np.array(centre), side) for centre in centres]
        seen = [face for faces in detect([frame] * len(affines), models, affines) for face in faces]
        confirmed = [face for face in look_closer([frame] * len(seen), seen, models) if face] if seen else []
        if confirmed:
            return _distinct(confirmed)
        side /= 2
    return []


def _centres(length: int, side: float) -> Float64:
    """Centres of tiles along one axis, which overlap by half or more."""
    if length <= side:
        return np.array([length / 2])
    return np.linspace(side / 2, length - side / 2, int(np.ceil((length - side) / (side / 2))) + 1)


def tile_around(frame: Frame, centre: Float64, side: float) -> Float64:
    """float64 [2, 3], frame pixels -> the detector's input, of a square that lies inside the frame where it fits."""
    size = np.array([frame.width, frame.height])
    corner = np.where(size > side, np.clip(centre - side / 2, 0, np.maximum(size - side, 0)), (size - side) / 2)
    scale = INPUT_SIZE / side
    return np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])


def _agree(first: Detection, second: Detection) -> bool:
    """Whether two detections, one of them coarse, are of one face."""
    shift = np.linalg.norm(first.centre - second.centre) / max(first.size, second.size)
    return bool(shift < 0.5 and abs(np.log(first.size / second.size)) < np.log(2))


def _distinct(faces: Sequence[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not kept or overlap(face.box, np.stack([other.box for other in kept])).max() <= MAX_OVERLAP:
            kept.append(face)
    return kept
