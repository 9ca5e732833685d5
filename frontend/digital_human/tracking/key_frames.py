"""Tracks the face from key frame to key frame, which the detector sees, and across hard cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float64, Frame
from digital_human.core.types import MIN_FACE_SCORE, Models
from digital_human.tracking.chunks import STRIDE
from digital_human.tracking.detector import Detection
from digital_human.tracking.identity import Look, is_person, look_of
from digital_human.tracking.landmarker import (
    MARGIN,
    SAME_FACE,
    inside,
    predict_landmarks,
    refine,
    region_distance,
    region_of_detection,
    regions_of_landmarks,
)
from digital_human.tracking.people import People
from digital_human.tracking.search import find_faces, is_small, look_near, search_tiles
from digital_human.tracking.seed import Begin, Seed
from digital_human.tracking.shots import CutFinder

MEMORY = 25
"""Key frames for which the position of another face is remembered."""
AGREEMENT = 0.5
"""Largest `region_distance` of a mesh from the detection that it began with. Good ones differ by 0.1 or 0.2."""
UNMOVED = 0.2
"""Largest `region_distance` of a bystander, before a cut and after, who has not moved."""
LOOKS = 8
"""Key frames from which the person's looks are taken."""
PAUSE = 16
"""Most key frames from one search of tiles to the next."""


@dataclass(frozen=True)
class Chunk:
    """Frames, and the region of the face in the key frames among them and in the frame before, -1; None without one."""

    frames: Sequence[Frame]
    known: dict[int, Float64 | None]
    starts: npt.NDArray[np.bool_]
    """bool [n], the frames that begin a shot."""

    @property
    def shot(self) -> npt.NDArray[np.int64]:
        """int64 [n], shots that began in this chunk up to each frame."""
        return np.cumsum(self.starts, dtype=np.int64)


class KeyFrameTracker:
    """Tracks the face from key frame to key frame."""

    def __init__(self, models: Models, choice: Begin = "auto") -> None:
        self.models = models
        self.choice = choice
        self.people = People(models)
        # Frames before the chunk.
        self.before = 0
        # Region in the frame before the chunk; None while the face is out of view.
        self.region: Float64 | None = None
        # The face's last region; None before there was one.
        self.last_seen: Float64 | None = None
        # Regions of other faces, and key frames since they were seen.
        self.others: list[tuple[Float64, int]] = []
        # Key frames until tiles are searched again, and how many it was the last time.
        self.wait, self.pause = 0, 0
        self.cuts = CutFinder()
        # What the person looks like, and whether a cut has come since they were last seen.
        self.looks: list[Look] = []
        self.lost_by_cut = False
        # The person to begin with, until their frame comes.
        self.seed: Seed | None = None
        if isinstance(choice, Seed):
            # Shots before theirs are as those after a cut.
            self.seed, self.looks, self.last_seen, self.lost_by_cut = choice, [choice.look], choice.region, True

    def track(self, frames: Sequence[Frame]) -> Chunk:
        """The next frames, with the regions of the key frames among them. Shots begin and end with key frames."""
        last = len(frames) - 1
        starts = self.cuts.starts(frames)
        first = np.flatnonzero(starts).tolist()
        ends = {last, *first, *(k - 1 for k in first if k)} | ({0} if self.region is None else set())
        seeded = set() if self.seed is None else {self.seed.frame - self.before} & {*range(len(frames))}
        keys = sorted(ends | seeded | {*range(STRIDE - 1, len(frames), STRIDE)})
        known: dict[int, Float64 | None] = {}
        before = self.region
        for begin, end in pairwise([*sorted({0, *first}), len(frames)]):
            # Each shot alone: after a cut the person is recognised by their looks before it.
            some = [k for k in keys if begin <= k < end]
            if begin in first:
                self._cut()
            numbers = [self.before + k for k in some]
            known |= zip(some, self._key_regions([frames[k] for k in some], numbers), strict=True)
            self.region = known[some[-1]] if some else self.region
        known[-1] = before
        self.before += len(frames)
        self.last_seen = self.last_seen if self.region is None else self.region
        return Chunk(frames, known, starts)

    def _cut(self) -> None:
        self.region, self.lost_by_cut = None, self.last_seen is not None
        self.wait, self.pause = 0, 0

    def _key_regions(self, frames: Sequence[Frame], numbers: Sequence[int]) -> list[Float64 | None]:
        """Region of the face in each key frame of one shot, from the mesh. numbers: of the frames in the template"""
        guesses: list[Float64 | None] = []
        detected: list[bool] = []
        faces_of: list[list[Detection]] = []
        region = self.region
        for frame, number, found in zip(frames, numbers, find_faces(frames, self.models), strict=True):
            faces = self._look_again(frame, found, region)
            faces_of.append(faces)
            if self.last_seen is None:
                region = self._first(frame, faces)
                detected.append(region is not None)
            else:
                regions = [region_of_detection(face) for face in faces]
                if self.seed is not None and number == self.seed.frame:
                    region = self._begin_with(self.seed, regions)
                elif region is None and self.lost_by_cut and self.looks:
                    region = self._same_person(frame, regions)
                else:
                    region = self._recognise(frame, regions, region)
                detected.append(any(region is seen for seen in regions))
            self.last_seen = self.last_seen if region is None else region
            guesses.append(region)
        there = [(k, guess) for k, guess in enumerate(guesses) if guess is not None]
        if not there:
            return guesses
        shown = [frames[k] for k, _ in there]
        landmarks, score = refine(shown, np.stack([guess for _, guess in there]), self.models)
        sure = (score >= MIN_FACE_SCORE) & inside(landmarks, frames[0])
        for (k, guess), right, seen in zip(there, sure, regions_of_landmarks(landmarks), strict=True):
            off = region_distance(guess, seen)
            guesses[k] = seen if right and off < (AGREEMENT if detected[k] else SAME_FACE) else None
        for (k, _), points in zip(there, landmarks, strict=True):
            sure_region = guesses[k]
            if sure_region is None:
                continue
            self.people.note(frames[k], faces_of[k], sure_region)
            if len(self.looks) < LOOKS:
                self.looks.append(look_of(frames[k], points))
        return guesses

    def _look_again(self, frame: Frame, faces: list[Detection], region: Float64 | None) -> list[Detection]:
        """`faces` of the whole frame, and small ones that it does not show.

        region: of the tracked face in the key frame before
        """
        if region is not None:
            self.wait, self.pause = 0, 0
            size = region[2] / MARGIN
            near = any(region_distance(region_of_detection(face), region) < SAME_FACE for face in faces)
            return (
                faces if near or not is_small(size, frame) else faces + look_near(frame, region[:2], size, self.models)
            )
        if faces:
            return faces
        self.wait -= 1
        if self.wait > 0:
            return faces
        # At once, then ever more rarely: a search costs up to 150 times as much as a look at the whole picture.
        self.pause = min(max(2 * self.pause, 1), PAUSE)
        self.wait = self.pause
        return search_tiles(frame, self.models)

    def _first(self, frame: Frame, faces: Sequence[Detection]) -> Float64 | None:
        """The face to track: the largest, and most central unless only size counts, that the mesh confirms."""
        if not faces:
            return None
        regions = np.stack([region_of_detection(face) for face in faces])
        _, score = predict_landmarks([frame] * len(faces), regions, self.models)
        centre = np.array([frame.width, frame.height]) / 2
        off = np.linalg.norm((regions[:, :2] - centre) / centre, axis=1) * (self.choice == "auto")
        rank = np.where(score >= MIN_FACE_SCORE, regions[:, 2] * np.exp(-(off**2)), -1)
        best = int(rank.argmax())
        if rank[best] < 0:
            return None
        self.others = [(region, 0) for k, region in enumerate(regions) if k != best and rank[k] >= 0]
        return np.asarray(regions[best], np.float64)

    def _begin_with(self, seed: Seed, regions: Sequence[Float64]) -> Float64:
        """The region of the person who was chosen, in the first frame of their shot that shows them."""
        near = [r for r in regions if region_distance(r, seed.region) < SAME_FACE]
        chosen = min(near, key=lambda r: region_distance(r, seed.region), default=seed.region)
        self.others = [(r, 0) for r in regions if r is not chosen]
        self.seed, self.looks, self.lost_by_cut = None, [seed.look], False
        return chosen

    def _recognise(self, frame: Frame, regions: Sequence[Float64], region: Float64 | None) -> Float64 | None:
        """The region of the tracked face in a key frame.

        regions: of all faces in it
        region:  of the tracked face in the key frame before

        It is the face nearest to the last region. If none is near, the person may have moved far or come back, but not
        to the position of another face.
        """
        strangers = [r for r in regions if all(region_distance(r, other) > SAME_FACE for other, _ in self.others)]
        near = [] if region is None else [r for r in regions if region_distance(r, region) < SAME_FACE]
        if near or region is None or self._is_face(frame, region):
            # The detector loses faces in profile that the mesh still follows.
            found = near or ([region] if region is not None else strangers)
        else:
            found = strangers
        reference = self.last_seen if region is None else region
        assert reference is not None
        chosen = min(found, key=lambda r: region_distance(r, reference), default=None)
        seen = [(r, 0) for r in regions if r is not chosen]
        unseen = [
            (other, age + 1)
            for other, age in self.others
            if age < MEMORY and all(region_distance(other, r) > SAME_FACE for r in regions)
        ]
        self.others = seen + unseen
        return chosen

    def _same_person(self, frame: Frame, regions: Sequence[Float64]) -> Float64 | None:
        """The region of the tracked person in a frame after a cut, found by their looks.

        A bystander whose place the cut did not change is none of the candidates.
        """
        regions = [r for r in regions if all(region_distance(r, other) > UNMOVED for other, _ in self.others)]
        if not regions:
            return None
        landmarks, score = refine([frame] * len(regions), np.stack(regions), self.models)
        ranked = [
            is_person(look_of(frame, points), self.looks) if sure else (False, -1.0)
            for points, sure in zip(landmarks, score >= MIN_FACE_SCORE, strict=True)
        ]
        best = max(range(len(regions)), key=lambda k: ranked[k])
        if not ranked[best][0]:
            return None
        self.lost_by_cut = False
        self.others = [(r, 0) for k, r in enumerate(regions) if k != best]
        return regions[best]

    def _is_face(self, frame: Frame, region: Float64) -> bool:
        _, score = predict_landmarks([frame], region[None], self.models)
        return bool(score[0] >= MIN_FACE_SCORE)
