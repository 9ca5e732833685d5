"""A template -> what is in front of the face in each of its frames."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.batching import batched
from digital_human.core.concurrency import ordered_map
from digital_human.core.cover import SIZE, UNIT, Cover, Indices, pack
from digital_human.core.frame import Float32, Frame, Uint8, warp_rgb
from digital_human.core.types import MIN_FACE_SCORE, Models, Template
from digital_human.engines.exemplar import head_pose
from digital_human.occlusion.face_crops import Affine, to_crops, transformed
from digital_human.occlusion.tidy import LIKELY, tidied

MODEL = "face_occlusion"
VERSION = "2"
"""Part of the key of stored templates: changes when the same template would get other masks."""
STRETCH = 1500
"""Frames that are looked at together, and so kept as crops: 74 MB."""
SAMPLED = 41
"""Of them, the frames whose median is how the person usually looks."""
OFTEN, CLEAR = 0.3, 0.2
"""Share of these in which something seems to be in front of a place, from which on the median may show it. The median
of the others is then taken, where there are as many as the second share, and the network is asked once more."""
TOGETHER, WORKERS = 16, 2
LAYER, REACH = 0.35, 1.1
"""Distances from the lips, inter-ocular distances, within which a mouth is drawn, and within which masks matter: the
face is moved that far."""
GONE, BACK = 0.5, 0.4
"""Share of the lips, or of what is drawn, that is covered from which a mouth counts as hidden, and down to which it
stays so: the landmarks of what is left are guesses then."""
LOST = 8
"""Frames around one with something in front of the face in which a face that is not found counts as hidden."""
DOUBTED, DOUBT_FRAMES = 0.3, 5
"""Share of the lips that something doubtful covers from which a frame is unsure, and of nine frames those in which it
must be."""
FADE = 4
"""Frames over which a mouth comes and goes."""


def find_cover(template: Template, models: Models) -> Cover:
    """What is in front of the face in every frame of a template. Raises what `Models.infer` raises."""
    track, count = template.track, template.frame_count
    good = np.flatnonzero(track.present & (track.score > MIN_FACE_SCORE))
    maps = np.zeros((count, 2, 3), np.float64)
    masks: list[Uint8 | None] = [None] * count
    hidden, near, unsure = *np.zeros((2, count), np.float32), np.zeros(count, bool)
    if len(good):
        points = head_pose.steady(track, good)
        maps[good] = to_crops(head_pose.canonical_face(points), points)
        lips = transformed(maps[good], points[:, mesh.OUTER_LIPS, :2])
        crops = _crops(template, good, maps[good])
        for part in _stretches(good, track.shot):
            seen = np.empty((len(part), SIZE, SIZE, 3), np.uint8)
            for k, crop in zip(range(len(part)), crops, strict=False):
                seen[k] = crop
            found, doubt, shares = look(seen, lips[part], models)
            for k, mask in enumerate(found):
                masks[good[part[k]]] = mask if mask.any() else None
            (hidden[good[part]], near[good[part]]), unsure[good[part]] = shares, doubt
    packed, ends = pack(masks)
    touched = np.array([mask is not None for mask in masks])
    lost = ~track.present & (np.convolve(np.pad(touched, LOST), np.ones(2 * LOST + 1), "valid") > 0)
    through = shown_as_is(np.maximum(hidden, near), unsure | lost)
    near = np.max([near, np.append(near[1:], 0), np.append(0, near[:-1])], axis=0)
    return Cover(maps.astype(np.float32), packed, ends, hidden, near, unsure, through)


def _stretches(frames: Indices, shot: Indices | None) -> Iterator[Indices]:
    """Places in `frames` that are looked at together: of one shot, and not too many."""
    within = np.zeros_like(frames) if shot is None else shot[frames]
    for places in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(within)) + 1):
        yield from np.array_split(places, -(-len(places) // STRETCH))


def _crops(template: Template, frames: Indices, maps: Affine) -> Iterator[Uint8]:
    """The crop of each of the frames, in their order."""

    def cut(some: list[tuple[Frame, Affine]]) -> list[Uint8]:
        return [warp_rgb(picture, matrix, SIZE) for picture, matrix in some]

    pictures = _pictures(template, frames, maps)
    for done in ordered_map(batched(pictures, repeat(TOGETHER)), cut, WORKERS, "face crops"):
        yield from done


def _pictures(template: Template, frames: Indices, maps: Affine) -> Iterator[tuple[Frame, Affine]]:
    """Each of `frames`, or as much of it as is needed, and the map from its pixels to the crop's."""
    boxes = [_inner_box(matrix) for matrix in maps]
    mouth_crops = template.mouth_crops
    if mouth_crops is not None and all(mouth_crops.covers(int(k), *box) for k, box in zip(frames, boxes, strict=True)):
        for index, box, matrix in zip(frames.tolist(), boxes, maps, strict=True):
            shifted = matrix.copy()
            shifted[:, 2] += matrix[:, :2] @ np.array(box[:2])
            yield mouth_crops.crop_yuv(index, *box), shifted
        return
    wanted = dict(zip(frames.tolist(), maps, strict=True))
    for index, frame in enumerate(template.frames()):
        if index in wanted:
            yield frame, wanted[index]


def _inner_box(matrix: Affine) -> tuple[int, int, int, int]:
    """All but the rim of what a crop shows, frame pixels: x, y, width, height, all even."""
    back = cv2.invertAffineTransform(matrix)
    rim = 0.1 * SIZE
    corners = np.array([[rim, 0], [SIZE - rim, 0], [rim, SIZE - rim], [SIZE - rim, SIZE - rim]])
    at = corners @ back[:, :2].T + back[:, 2]
    low, high = np.floor(at.min(0) / 2).astype(int) * 2, np.ceil(at.max(0) / 2).astype(int) * 2
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def look(crops: Uint8, lips: Float32, models: Models) -> tuple[Uint8, npt.NDArray[np.bool_], Float32]:
    """Masks [n, SIZE, SIZE], doubt [n] and the covered shares of the lips and of what is drawn [2, n] of crops.

    lips: their outline [n, 20, 2], crop pixels
    """
    region, layer, near = regions(lips)
    sample = np.unique(np.linspace(0, len(crops) - 1, min(SAMPLED, len(crops))).round().astype(int))
    usual = np.median(crops[sample], axis=0).astype(np.uint8)
    probability = _ask(crops, usual, models)
    covered = probability[sample] >= LIKELY
    if covered.mean(0).max() > OFTEN:
        usual = _uncovered(crops[sample], covered, usual)
        probability = _ask(crops, usual, models)
    difference = np.stack([cv2.blur(cv2.absdiff(crop, usual), (5, 5)).max(2) for crop in crops])
    masks, doubtful = (found * near for found in tidied(probability, difference))
    doubted = ((doubtful > 0) & (masks == 0) & region).sum((1, 2)) > DOUBTED * region.sum()
    lasting = np.convolve(np.pad(doubted, 4, "edge"), np.ones(9), "valid") >= DOUBT_FRAMES
    shares = [((masks > 0) & part).sum((1, 2)) / part.sum() for part in (region, layer)]
    return masks, lasting, np.array(shares, np.float32)


def regions(lips: Float32) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], Uint8]:
    """Where the lips usually are, where a mouth is drawn, and, as 0 or 1, where masks matter, [SIZE, SIZE] each."""
    hull = cv2.convexHull(np.median(lips, axis=0).astype(np.float32))[:, 0]
    inside = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(hull).astype(np.int32), (1,))
    away = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) / UNIT
    return inside > 0, away < LAYER, (away < REACH).astype(np.uint8)


def _uncovered(crops: Uint8, covered: npt.NDArray[np.bool_], usual: Uint8) -> Uint8:
    """Median of crops [n, SIZE, SIZE, 3] where they are not covered [n, SIZE, SIZE]; `usual` where that is seldom."""
    enough = (~covered).mean(0) >= CLEAR
    clear = np.where(covered[..., None], np.nan, crops.astype(np.float32))
    clear[:, ~enough] = 0
    return np.where(enough[..., None], np.nanmedian(clear, axis=0), usual).astype(np.uint8)


def _ask(crops: Uint8, usual: Uint8, models: Models) -> Uint8:
    def one(some: Uint8) -> Uint8:
        inputs = {"face": some, "usual": np.broadcast_to(usual, some.shape)}
        return np.asarray(models.infer(MODEL, inputs, ("mask",))["mask"], np.uint8)

    parts = (crops[k : k + TOGETHER] for k in range(0, len(crops), TOGETHER))
    return np.concatenate(list(ordered_map(parts, one, WORKERS, "occlusion")))


def shown_as_is(hidden: Float32, unsure: npt.NDArray[np.bool_]) -> Float32:
    """How far each frame is shown as it is, 0-1 [T]: wholly where the mouth is hidden or unsure, less around that."""
    gone, state = np.zeros(len(hidden), bool), False
    for k, share in enumerate(hidden):
        state = bool(share > (BACK if state else GONE))
        gone[k] = state
    gone |= unsure
    shown = gone.astype(np.float32)
    for step in range(1, FADE):
        near = np.zeros_like(gone)
        near[step:] |= gone[:-step]
        near[:-step] |= gone[step:]
        shown = np.maximum(shown, near * (1 - step / FADE))
    return shown.astype(np.float32)
