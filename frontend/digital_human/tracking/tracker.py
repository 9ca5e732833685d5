"""Tracks one person's face through a video.

The detector runs on *key frames* only, and the tracked face is recognised there by its position. Between two key frames
the region of the face is interpolated, so that the mesh of a whole chunk is one batch. Frames where the mesh shows the
face elsewhere run again.

Key frames are tracked in order, each from the position in the last; the frames between them in parallel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.batching import batched
from digital_human.core.concurrency import ordered_map
from digital_human.core.frame import Float32, Float64, Frame
from digital_human.core.types import MIN_FACE_SCORE, FaceTrack, Models
from digital_human.tracking.detector import Detection, detect
from digital_human.tracking.landmarker import (
    MARGIN,
    between,
    has_moved,
    predict_landmarks,
    region_of_detection,
    regions_of_landmarks,
)

TRACK_VERSION = "2"
"""Part of the key of stored tracks: change it when the same video gives another track."""

STRIDE = 8
CHUNK = 2 * STRIDE
"""Frames from one key frame to the next, and of a chunk."""
WORKERS = 2
"""Chunks tracked in parallel; one more is being prepared."""
SAME_FACE = 1.2
"""Largest `_region_distance` between two regions of one face."""
MEMORY = 25
"""Key frames for which the position of another face is remembered."""
RETRIES = 2
"""How often a frame may run again because the face lies elsewhere in it."""


def track_face(
    frames: Iterable[Frame],
    models: Models,
    *,
    views: int = 1,
    on_frames: Callable[[Sequence[Frame], Float32], None] | None = None,
) -> FaceTrack:
    """Track one person, the largest and most central at the start, through all frames.

    views:     crops of a face that are averaged, 1 to 3; three cost three times as much and remove a quarter of the
               noise
    on_frames: called for each chunk in order, with its frames and their landmarks [n, 468, 3] before smoothing

    `present` is False throughout where no face is found. Only the landmarks stay in memory.
    """
    keys = _KeyFrameTracker(models)
    counts: deque[int] = deque()
    chunks = map(keys.track, batched(_without_holds(frames, counts), repeat(CHUNK)))
    parts = []
    for seen, *tracked in ordered_map(
        chunks, lambda chunk: (chunk.frames, *_track_chunk(chunk, models, views)), WORKERS, "mesh"
    ):
        shown = [counts.popleft() for _ in seen]
        part = [np.repeat(array, shown, axis=0) for array in tracked]
        if on_frames is not None:
            on_frames([frame for frame, count in zip(seen, shown, strict=True) for _ in range(count)], part[0])
        parts.append(part)
    landmarks = np.concatenate([np.zeros((0, mesh.VERTICES, 3), np.float32), *(part[0] for part in parts)])
    score = np.concatenate([np.zeros(0, np.float32), *(part[1] for part in parts)])
    present = score >= MIN_FACE_SCORE
    return FaceTrack(smooth(landmarks, present), score, present)


def smooth(landmarks: Float32, present: npt.NDArray[np.bool_]) -> Float32:
    """Average each frame with both neighbours where they show the face. landmarks: [T, 468, 3]; present: [T]."""
    index = np.arange(len(landmarks))
    before = np.maximum(index - 1, 0)
    after = np.minimum(index + 1, max(len(landmarks) - 1, 0))
    before = np.where(present[before], before, index)
    after = np.where(present[after], after, index)
    weight = np.full((mesh.VERTICES, 1), mesh.SMOOTHING, np.float32)
    weight[mesh.LIPS] = mesh.LIP_SMOOTHING
    return np.asarray(landmarks * (1 - 2 * weight) + (landmarks[before] + landmarks[after]) * weight, np.float32)


def _without_holds(frames: Iterable[Frame], counts: deque[int]) -> Iterator[Frame]:
    """Yield the frames, of one that is held (the same object in succession) the first CHUNK only.

    counts: receives the number of frames that each yielded frame stands for, before it is yielded
    Short holds, such as cameras leave, are tracked frame by frame as in the tracks that are stored already.
    """
    last: Frame | None = None
    length, count = 0, 0
    for frame in frames:
        length = length + 1 if frame is last else 1
        if length > CHUNK:
            count += 1
            continue
        if last is not None:
            counts.append(count)
            yield last
        last, count = frame, 1
    if last is not None:
        counts.append(count)
        yield last


@dataclass(frozen=True)
class _Chunk:
    """Frames, and the region of the face in the key frames among them and in the frame before, -1; None without one."""

    frames: Sequence[Frame]
    known: dict[int, Float64 | None]


class _KeyFrameTracker:
    """Tracks the face from key frame to key frame."""

    def __init__(self, models: Models) -> None:
        self.models = models
        # Region in the frame before the chunk; None while the face is out of view.
        self.region: Float64 | None = None
        # The face's last region; None before there was one.
        self.last_seen: Float64 | None = None
        # Regions of other faces, and key frames since they were seen.
        self.others: list[tuple[Float64, int]] = []

    def track(self, frames: Sequence[Frame]) -> _Chunk:
        """The next frames, with the regions of the key frames among them."""
        last = len(frames) - 1
        keys = sorted({*range(STRIDE - 1, len(frames), STRIDE), last} | ({0} if self.region is None else set()))
        known = dict(zip(keys, self._key_regions([frames[k] for k in keys]), strict=True))
        known[-1] = self.region
        self.region = known[last]
        self.last_seen = self.last_seen if self.region is None else self.region
        return _Chunk(frames, known)

    def _key_regions(self, frames: Sequence[Frame]) -> list[Float64 | None]:
        """Region of the face in each key frame, from the mesh."""
        guesses: list[Float64 | None] = []
        region = self.region
        for frame, faces in zip(frames, detect(frames, self.models), strict=True):
            if self.last_seen is None:
                region = self._first(frame, faces)
            else:
                region = self._recognise(frame, [region_of_detection(face) for face in faces], region)
            self.last_seen = self.last_seen if region is None else region
            guesses.append(region)
        there = [(k, guess) for k, guess in enumerate(guesses) if guess is not None]
        if not there:
            return guesses
        shown = [frames[k] for k, _ in there]
        landmarks, score = _refine(shown, np.stack([guess for _, guess in there]), self.models)
        sure = (score >= MIN_FACE_SCORE) & _inside(landmarks, frames[0])
        for (k, _), right, seen in zip(there, sure, regions_of_landmarks(landmarks), strict=True):
            guesses[k] = seen if right else None
        return guesses

    def _first(self, frame: Frame, faces: Sequence[Detection]) -> Float64 | None:
        """The face to track: the largest and most central one that the mesh confirms."""
        if not faces:
            return None
        regions = np.stack([region_of_detection(face) for face in faces])
        _, score = predict_landmarks([frame] * len(faces), regions, self.models)
        centre = np.array([frame.width, frame.height]) / 2
        off = np.linalg.norm((regions[:, :2] - centre) / centre, axis=1)
        rank = np.where(score >= MIN_FACE_SCORE, regions[:, 2] * np.exp(-(off**2)), -1)
        best = int(rank.argmax())
        if rank[best] < 0:
            return None
        self.others = [(region, 0) for k, region in enumerate(regions) if k != best and rank[k] >= 0]
        return np.asarray(regions[best], np.float64)

    def _recognise(self, frame: Frame, regions: Sequence[Float64], region: Float64 | None) -> Float64 | None:
        """The region of the tracked face in a key frame.

        regions: of all faces in it
        region:  of the tracked face in the key frame before

        It is the face nearest to the last region. If none is near, the person may have moved far or come back, but not
        to the position of another face.
        """
        strangers = [r for r in regions if all(_region_distance(r, other) > SAME_FACE for other, _ in self.others)]
        near = [] if region is None else [r for r in regions if _region_distance(r, region) < SAME_FACE]
        if near or region is None or self._is_face(frame, region):
            # The detector loses faces in profile that the mesh still follows.
            found = near or ([region] if region is not None else strangers)
        else:
            found = strangers
        reference = self.last_seen if region is None else region
        assert reference is not None
        chosen = min(found, key=lambda r: _region_distance(r, reference), default=None)
        seen = [(r, 0) for r in regions if r is not chosen]
        unseen = [
            (other, age + 1)
            for other, age in self.others
            if age < MEMORY and all(_region_distance(other, r) > SAME_FACE for r in regions)
        ]
        self.others = seen + unseen
        return chosen

    def _is_face(self, frame: Frame, region: Float64) -> bool:
        _, score = predict_landmarks([frame], region[None], self.models)
        return bool(score[0] >= MIN_FACE_SCORE)


def _track_chunk(chunk: _Chunk, models: Models, views: int) -> tuple[Float32, Float32]:
    """Landmarks [n, 468, 3] and scores [n] of a chunk; the score is 0 where there is no face."""
    frames = chunk.frames
    landmarks, score = np.zeros((len(frames), mesh.VERTICES, 3), np.float32), np.zeros(len(frames), np.float32)
    options = [_options(i, chunk.known) for i in range(len(frames))]
    for attempt in range(max(map(len, options))):
        todo = [i for i in range(len(frames)) if score[i] < MIN_FACE_SCORE and len(options[i]) > attempt]
        if todo:
            regions = np.stack([options[i][attempt] for i in todo])
            landmarks[todo], score[todo] = _refine([frames[i] for i in todo], regions, models, views)
    score[~_inside(landmarks, frames[0])] = 0
    return landmarks, score


def _refine(frames: Sequence[Frame], regions: Float64, models: Models, views: int = 1) -> tuple[Float32, Float32]:
    """Landmarks and scores in these regions, run again where the landmarks show that the face lies elsewhere."""
    landmarks, score = predict_landmarks(frames, regions, models, views)
    for _ in range(RETRIES):
        where = regions_of_landmarks(landmarks)
        again = np.flatnonzero((score >= MIN_FACE_SCORE) & has_moved(regions, where))
        if not again.size:
            break
        regions = regions.copy()
        regions[again] = where[again]
        landmarks[again], score[again] = predict_landmarks([frames[i] for i in again], regions[again], models, views)
    return landmarks, score


def _options(i: int, known: dict[int, Float64 | None]) -> list[Float64]:
    """Regions to try in frame i: interpolated between the key frames around it, then each of theirs."""
    if i in known:
        region = known[i]
        return [] if region is None else [region]
    earlier = max(k for k in known if k < i)
    later = min(k for k in known if k > i)
    first, second = known[earlier], known[later]
    if first is None or second is None:
        return [region for region in (first, second) if region is not None]
    # The second and third serve at a cut.
    return [between(first, second, (i - earlier) / (later - earlier)), first, second]


def _region_distance(first: Float64, second: Float64) -> float:
    """Distance of two regions in sizes of the larger face; a change of size counts like a shift."""
    shift = np.linalg.norm(first[:2] - second[:2]) / (max(first[2], second[2]) / MARGIN)
    return float(shift + abs(np.log(first[2] / second[2])))


def _inside(landmarks: Float32, frame: Frame) -> npt.NDArray[np.bool_]:
    """bool [n], whether the middle of the face lies inside the frame."""
    middle = landmarks[..., :2].mean(1)
    return np.asarray(((middle >= 0) & (middle < [frame.width, frame.height])).all(-1))
