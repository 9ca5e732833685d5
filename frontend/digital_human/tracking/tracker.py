"""Tracks one person's face through a video.

The detector runs on *key frames* only, and the tracked face is recognised there by its position. Between two key frames
the region of the face is interpolated, so that the mesh of a whole chunk is one batch. Frames where the mesh shows the
face elsewhere run again. Where the face moves far from one key frame to the next, the detector looks at the frames
between them too.

Key frames are tracked in order, each from the position in the last; the frames between them in parallel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from digital_human.core import landmarks as mesh
from digital_human.core.batching import batched
from digital_human.core.concurrency import ordered_map
from digital_human.core.frame import Float32, Float64, Frame
from digital_human.core.smoothing import average
from digital_human.core.types import MIN_FACE_SCORE, FaceTrack, Models
from digital_human.tracking.chunks import CHUNK, STRIDE, without_holds
from digital_human.tracking.key_frames import Chunk, KeyFrameTracker
from digital_human.tracking.landmarker import (
    SAME_FACE,
    between,
    inside,
    refine,
    region_distance,
    region_of_detection,
    regions_of_landmarks,
)
from digital_human.tracking.search import find_faces
from digital_human.tracking.seed import Begin
from digital_human.tracking.shots import track_breaks

TRACK_VERSION = "3"
"""Part of the key of stored tracks: change it when the same video gives another track."""

WORKERS = 2
"""Chunks tracked in parallel; one more is being prepared."""
MOVES = 0.2
"""`region_distance` of a face in two key frames from which on the frames between them are searched for it."""
SIZE_CHANGE = np.log(1.4)
"""Largest change of a face's size, logarithm, from the median of the frames around it."""


def track_face(
    frames: Iterable[Frame],
    models: Models,
    choice: Begin = "auto",
    *,
    views: int = 1,
    on_frames: Callable[[Sequence[Frame], Float32], None] | None = None,
) -> FaceTrack:
    """Track one person through all frames.

    views:     crops of a face that are averaged, 1 to 3; three cost three times as much and remove a quarter of the
               noise
    on_frames: called for each chunk in order, with its frames and their landmarks [n, 468, 3] before smoothing

    `present` is False throughout where no face is found. Only the landmarks stay in memory.
    """
    keys = KeyFrameTracker(models, choice)
    counts: deque[int] = deque()
    chunks = map(keys.track, batched(without_holds(frames, counts), repeat(CHUNK)))
    none = (np.zeros((0, mesh.VERTICES, 3), np.float32), np.zeros(0, np.float32), np.zeros(0, np.bool_))
    parts: list[Sequence[npt.NDArray[Any]]] = [none]
    for seen, *tracked in ordered_map(
        chunks, lambda chunk: (chunk.frames, *_track_chunk(chunk, models, views), chunk.starts), WORKERS, "mesh"
    ):
        shown = [counts.popleft() for _ in seen]
        part = [np.repeat(array, shown, axis=0) for array in tracked]
        if on_frames is not None:
            on_frames([frame for frame, count in zip(seen, shown, strict=True) for _ in range(count)], part[0])
        parts.append(part)
    landmarks, score, starts = (np.concatenate(column) for column in zip(*parts, strict=True))
    present = score >= MIN_FACE_SCORE
    shot = np.cumsum(starts | track_breaks(landmarks, present), dtype=np.int64)
    for one in np.unique(shot):
        present[shot == one] = plausible(landmarks[shot == one], present[shot == one])
    return FaceTrack(smooth(landmarks, present, shot), score, present, shot, keys.people.seen())


def plausible(landmarks: Float32, present: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """bool [T], `present` without frames whose face is far larger or smaller than around: a mesh on a part of it.

    The distance between the eyes is taken in three dimensions, so that it stays as a head turns.

    landmarks: float32 [T, 468, 3]; present: bool [T]
    """
    if not present.any():
        return present
    right, left = (landmarks[:, eye].mean(1) for eye in (mesh.RIGHT_EYE, mesh.LEFT_EYE))
    size = np.full(len(present) + 2 * STRIDE, np.nan)
    size[STRIDE:-STRIDE][present] = np.log(np.linalg.norm(left - right, axis=1)[present] + 1e-6)
    around = np.nanmedian(sliding_window_view(size, 2 * STRIDE + 1)[present], axis=1)
    result = present.copy()
    result[present] = np.abs(size[STRIDE:-STRIDE][present] - around) < SIZE_CHANGE
    return result


def smooth(landmarks: Float32, present: npt.NDArray[np.bool_], shot: npt.NDArray[np.int64] | None = None) -> Float32:
    """Average each frame with both neighbours where they show the face in the same shot.

    landmarks: float32 [T, 468, 3]; present: bool [T]; shot: int64 [T], None if all frames are of one
    """
    index = np.arange(len(landmarks))
    shot = np.zeros(len(landmarks), np.int64) if shot is None else shot
    before = np.maximum(index - 1, 0)
    after = np.minimum(index + 1, max(len(landmarks) - 1, 0))
    before = np.where(present[before] & (shot[before] == shot), before, index)
    after = np.where(present[after] & (shot[after] == shot), after, index)
    return average(landmarks, landmarks[before], landmarks[after])


def _track_chunk(chunk: Chunk, models: Models, views: int) -> tuple[Float32, Float32]:
    """Landmarks [n, 468, 3] and scores [n] of a chunk; the score is 0 where there is no face."""
    frames = chunk.frames
    landmarks, score = np.zeros((len(frames), mesh.VERTICES, 3), np.float32), np.zeros(len(frames), np.float32)
    options = [_options(i, chunk.known, chunk.shot) for i in range(len(frames))]
    _look_where_it_moves(frames, options, models)
    for attempt in range(max(map(len, options))):
        todo = [i for i in range(len(frames)) if score[i] < MIN_FACE_SCORE and len(options[i]) > attempt]
        if todo:
            regions = np.stack([options[i][attempt] for i in todo])
            landmarks[todo], score[todo] = refine([frames[i] for i in todo], regions, models, views)
            elsewhere = [
                region_distance(*pair) > SAME_FACE
                for pair in zip(regions, regions_of_landmarks(landmarks[todo]), strict=True)
            ]
            score[np.array(todo)[elsewhere]] = 0
    score[~inside(landmarks, frames[0])] = 0
    return landmarks, score


def _look_where_it_moves(frames: Sequence[Frame], options: Sequence[list[Float64]], models: Models) -> None:
    """Begin with the detector's region in frames between key frames that show the face far apart.

    A mesh that begins beside the face settles there, and is sure of it.
    """
    moving = [i for i, some in enumerate(options) if len(some) == 3 and region_distance(*some[1:]) > MOVES]
    for i, faces in zip(moving, find_faces([frames[i] for i in moving], models) if moving else [], strict=True):
        near = min(map(region_of_detection, faces), key=lambda r: region_distance(r, options[i][0]), default=None)
        if near is not None and region_distance(near, options[i][0]) < SAME_FACE:
            options[i].insert(0, near)


def _options(i: int, known: dict[int, Float64 | None], shot: npt.NDArray[np.int64]) -> list[Float64]:
    """Regions to try in frame i: interpolated between the key frames around it, then each of theirs.

    shot: int64 [n], as in `Chunk`; only key frames of the same one count
    """
    known = {k: region for k, region in known.items() if (shot[k] if k >= 0 else 0) == shot[i]}
    if i in known:
        region = known[i]
        return [] if region is None else [region]
    earlier = max(k for k in known if k < i)
    later = min(k for k in known if k > i)
    first, second = known[earlier], known[later]
    if first is None or second is None:
        return [region for region in (first, second) if region is not None]
    # The second and third serve where the face jumps.
    return [between(first, second, (i - earlier) / (later - earlier)), first, second]
