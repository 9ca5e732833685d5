"""The person to follow where a caller points at one: found in that frame, and traced back from there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from digital_human.core.face_choice import FacePoint
from digital_human.core.frame import Float64, Frame
from digital_human.core.types import MIN_FACE_SCORE, Models
from digital_human.errors import BadInputError, NoFaceError
from digital_human.tracking.chunks import STRIDE, without_holds
from digital_human.tracking.detector import Detection, detect
from digital_human.tracking.identity import Look, look_of
from digital_human.tracking.landmarker import SAME_FACE, refine, region_distance, region_of_detection
from digital_human.tracking.search import find_faces, tile_around
from digital_human.tracking.shots import CutFinder

REACH = 0.75
"""Distance from the middle of a face, in its sizes, up to which a point means it. The detector's box ends at the
forehead; this takes in hair and chin."""
TILES = (0.5, 0.25, 0.125)
"""Sides of the tiles around a point in which a face too small for the whole frame is looked for, of the frame's
longer side."""


@dataclass(frozen=True)
class Seed:
    """Where to begin with a person.

    frame:  the first frame of their shot in which they are seen, counted as `without_holds` yields them
    region: of their face there
    look:   what they look like
    """

    frame: int
    region: Float64
    look: Look


Begin = Literal["auto", "largest"] | Seed
"""Whom to follow: the largest and most central face at the start, the largest, or a certain one."""


def find_seed(frames: Iterable[Frame], point: FacePoint, fps: Fraction, models: Models) -> Seed:
    """The person at a point.

    frames: of the template, from its beginning; read up to the point's time
    Raises BadInputError where the template ends before it, and NoFaceError where nobody is there.
    """
    wanted, shown = int(point.time * fps), 0
    counts: deque[int] = deque()
    cuts, seen = CutFinder(), list[tuple[int, list[Float64]]]()
    for index, frame in enumerate(without_holds(frames, counts)):
        if cuts.starts([frame])[0]:
            seen.clear()
        shown += counts.popleft()
        if shown > wanted:
            region, look = _face_at(frame, point, models)
            return Seed(*_trace(index, region, seen), look)
        if index % STRIDE == 0:
            seen.append((index, [region_of_detection(face) for face in find_faces([frame], models)[0]]))
    raise BadInputError("face_beyond_end", seconds=float(shown / fps))


def _face_at(frame: Frame, point: FacePoint, models: Models) -> tuple[Float64, Look]:
    """Region and look of the face that the point lies on, the nearest of several. Raises NoFaceError without one."""
    place = np.array([point.x * frame.width, point.y * frame.height])

    def distance(face: Detection) -> float:
        return float(np.linalg.norm(face.centre - place)) / face.size

    for look_for in (_in_whole, _closer):
        faces = [face for face in look_for(frame, place, models) if distance(face) < REACH]
        for face in sorted(faces, key=distance):
            region = region_of_detection(face)
            landmarks, score = refine([frame], region[None], models)
            if score[0] >= MIN_FACE_SCORE:
                return region, look_of(frame, landmarks[0])
    raise NoFaceError("face_not_at_point", x=point.x, y=point.y, time=point.time)


def _in_whole(frame: Frame, place: Float64, models: Models) -> list[Detection]:
    return find_faces([frame], models)[0]


def _closer(frame: Frame, place: Float64, models: Models) -> list[Detection]:
    """Faces in tiles around a place."""
    longer = max(frame.width, frame.height)
    tiles = [tile_around(frame, place, share * longer) for share in TILES]
    return [face for faces in detect([frame] * len(tiles), models, tiles) for face in faces]


def _trace(frame: int, region: Float64, seen: list[tuple[int, list[Float64]]]) -> tuple[int, Float64]:
    """Follow a face back through frames of its shot, (frame, regions) in order: the first, and the region there."""
    for earlier, regions in reversed(seen):
        near = min(regions, key=lambda other: region_distance(other, region), default=None)
        if near is not None and region_distance(near, region) < SAME_FACE:
            frame, region = earlier, near
    return frame, region
