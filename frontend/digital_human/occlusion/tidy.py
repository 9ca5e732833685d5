"""From probabilities, frame by frame, to masks that neither flicker nor speckle.

A thing in front of a face is there for a while, is of some size, and in most of that time the network is sure of all of
it. It also reaches in from outside, as a hand does on its arm: what lies within the face alone is rather a laugh, a
beard or a tongue. Parts of pictures that overlap from frame to frame are one thing. It is kept or dropped as a whole,
so that it does not flicker.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.cover import SIZE, UNIT
from digital_human.core.frame import Uint8

LIKELY, SURE = 110, 200
"""Of 255: what belongs to an occluder, and what one must reach somewhere in every frame."""
LEAST_AREA = 0.010
"""Square inter-ocular distances that an occluder covers at its largest."""
LEAST_FRAMES = 3
"""Frames that it is seen in, unless the template is shorter."""
RIM, REACHES = 10, 0.3
"""Pixels from a crop's border in which something from outside is seen, and the share of its frames in which it is."""
CERTAIN, ISLAND, USUAL, DOUBTFUL, MOST = 214, 222, 242, 198, 70
"""Mean of the network's values over a thing, of 255, at a percentile of its frames: from the first on it is kept, from
the second where it does not reach in from outside, from the third where the person usually looks like that; between the
fourth and these it is doubtful."""
CHANGED, UNCHANGED = 9, 0.75
"""Difference from how the person usually looks, of 255, from which a pixel counts as changed, and the share of a
thing's pixels that are not from which it counts as usual."""
LOOSE, NEARBY = 60, 10
"""Of 255: what belongs to something that is kept, within so many pixels of what surely does."""
HABIT, HABIT_FRAMES = 0.4, 120
"""Share of the frames in which a place looks as usual, and those that do of all, from which on the network's values
there are a habit; how many frames are asked."""
WITHIN, LIPS = 0.8, 0.45
"""Share of a part from which on it lies within a habit; square inter-ocular distances up to which that may be lips."""
LIGHT = 25
"""Of 255: how much at most the light of a whole picture may differ from usual to be no change of what it shows."""
BEYOND = 3
"""Pixels of a crop by which masks are grown: what the network sees at the edge is not sure to a pixel."""


def tidied(probability: Uint8, difference: Uint8) -> tuple[Uint8, Uint8]:
    """Masks [n, SIZE, SIZE] of consecutive frames, 255 where something is in front, and where that is doubtful.

    probability: the network's values, 0-255, alike; difference: from how the person usually looks, alike
    """
    filled = _without_habits(probability, difference).copy()
    if len(probability) > 2:
        between = np.minimum(filled[:-2], filled[2:])
        filled[1:-1] = np.maximum(filled[1:-1], between)
    parts = [_parts(*pictures) for pictures in zip(filled, difference, strict=True)]
    made = []
    for labels in _things(parts):
        masks = np.zeros_like(filled)
        for k, part in enumerate(parts):
            if labels[k]:
                masks[k] = _grown(np.isin(part.labels, list(labels[k])), filled[k])
        made.append(masks)
    return made[0], made[1]


def _without_habits(probability: Uint8, difference: Uint8) -> Uint8:
    """The values, but nothing where the network takes for hidden what the person usually looks like.

    It does so with faces that are unlike those it learned from. Where something comes in front of such a place, only
    what the network is sure of stays: it would be taken for one with the rest otherwise, and share its fate.
    """
    some = np.unique(np.linspace(0, len(probability) - 1, min(HABIT_FRAMES, len(probability))).round().astype(int))
    asked, same = probability[some], _as_usual(difference[some])
    times = same.sum(0)
    always = (((asked >= LOOSE) & same).sum(0) > HABIT * times) & (times > HABIT * len(some))
    if not always.any():
        return probability
    mean = (asked * same).sum(0) / np.maximum(times, 1)
    count, labels = cv2.connectedComponents(always.astype(np.uint8))
    sums = np.bincount(labels.ravel(), mean.ravel(), count) / np.bincount(labels.ravel(), minlength=count)
    unsure = always & (sums < USUAL)[labels]
    habit = cv2.dilate(unsure.astype(np.uint8), _disc(NEARBY)) > 0
    if not habit.any():
        return probability
    kept = np.where(habit & (_as_usual(difference) | (probability < SURE)), 0, probability).astype(np.uint8)
    return np.stack([_from_outside(values, habit) for values in kept])


def _as_usual(difference: Uint8) -> npt.NDArray[np.bool_]:
    """Where pictures look as usual but for a light that changes all over them."""
    light = np.minimum(np.percentile(difference[:, ::4, ::4], 25, axis=(1, 2)), LIGHT)
    return np.asarray(difference < CHANGED + light[:, None, None])


def _from_outside(values: Uint8, habit: npt.NDArray[np.bool_]) -> Uint8:
    """The values, but for parts as small as lips that are within the habit: the lips of such a face."""
    count, labels = cv2.connectedComponents((values >= LIKELY).astype(np.uint8))
    area = np.bincount(labels.ravel(), minlength=count)
    within = (np.bincount(labels[habit], minlength=count) > WITHIN * area) & (area < LIPS * UNIT**2)
    within[0] = False
    return np.where(within[labels], 0, values).astype(np.uint8)


def _grown(mask: npt.NDArray[np.bool_], probability: Uint8) -> Uint8:
    """A mask with what lies around it and may belong to it, and a little more, 0 or 255."""
    around = cv2.dilate(mask.astype(np.uint8), _disc(NEARBY)) > 0
    whole = (mask | (around & (probability >= LOOSE))).astype(np.uint8) * 255
    return np.asarray(cv2.dilate(whole, _disc(BEYOND)), np.uint8)


def _disc(radius: int) -> Uint8:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


@dataclass(frozen=True)
class _Parts:
    """Connected parts of one picture: labels [SIZE, SIZE]; of each label its area, its largest and its mean value, the
    share of it that is as usual, and whether it reaches the rim."""

    labels: npt.NDArray[np.int32]
    area: npt.NDArray[np.int64]
    peak: npt.NDArray[np.int64]
    mean: npt.NDArray[np.float64]
    usual: npt.NDArray[np.float64]
    outside: npt.NDArray[np.bool_]


def _parts(probability: Uint8, difference: Uint8) -> _Parts:
    if probability.max() < SURE:
        nothing = np.zeros(1, np.int64)
        none = nothing.astype(np.float64)
        return _Parts(np.zeros((SIZE, SIZE), np.int32), nothing, nothing, none, none, nothing > 0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((probability >= LIKELY).astype(np.uint8))
    flat, area = labels.ravel().astype(np.int64), stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    peak, outside = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    np.maximum.at(peak, flat, probability.ravel())
    mean = np.bincount(flat, probability.ravel(), count) / np.maximum(area, 1)
    usual = np.bincount(flat, difference.ravel() < CHANGED, count) / np.maximum(area, 1)
    rim = labels.copy()
    rim[RIM:-RIM, RIM:-RIM] = 0
    outside[np.unique(rim)] = True
    return _Parts(labels.astype(np.int32), area, peak, mean, usual, outside)


_Labels = list[set[int]]


def _things(parts: list[_Parts]) -> tuple[_Labels, _Labels]:
    """Labels of each picture that belong to something in front, and to something that may be."""
    kept: tuple[_Labels, _Labels] = ([set() for _ in parts], [set() for _ in parts])
    for keys in _tracks(parts):
        area = max(int(parts[k].area[label]) for k, label in keys)
        seen = {k for k, _ in keys}
        if len(seen) < min(LEAST_FRAMES, len(parts)) or area < LEAST_AREA * UNIT**2:
            continue
        outside = len({k for k, label in keys if parts[k].outside[label]}) >= REACHES * len(seen)
        usual = float(np.median([parts[k].usual[label] for k, label in keys])) > UNCHANGED
        certain = float(np.percentile([parts[k].mean[label] for k, label in keys], MOST))
        if certain >= DOUBTFUL and not (usual and certain < USUAL):
            chosen = kept[0 if certain >= (CERTAIN if outside else ISLAND) else 1]
            for k, label in keys:
                chosen[k].add(label)
    return kept


def _tracks(parts: list[_Parts]) -> list[list[tuple[int, int]]]:
    """Parts (picture, label) that overlap from picture to picture, together."""
    owner: dict[tuple[int, int], tuple[int, int]] = {}

    def root(key: tuple[int, int]) -> tuple[int, int]:
        while owner[key] != key:
            owner[key] = key = owner[owner[key]]
        return key

    for k, part in enumerate(parts):
        for label in np.flatnonzero(part.peak >= SURE).tolist():
            if label == 0:
                continue
            owner[k, label] = (k, label)
            around = cv2.dilate((part.labels == label).astype(np.uint8), np.ones((9, 9), np.uint8))
            for other in np.unique(parts[k - 1].labels[around > 0]).tolist() if k else []:
                if (k - 1, other) in owner:
                    owner[root((k, label))] = root((k - 1, other))
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for key in owner:
        found.setdefault(root(key), []).append(key)
    return list(found.values())
