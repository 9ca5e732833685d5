"""How a person usually looks: measured once on frames of the template, to judge by what is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.border import cut_off
from digital_human.core.frame import Float32, Float64, Uint8
from digital_human.core.landmarks import Indices
from digital_human.core.types import MIN_FACE_SCORE, Arrays, Template
from digital_human.engines.exemplar import lip_geometry
from digital_human.inspection.views import SIDE, UNIT, distances, in_views, look_of, maps_to_views, view

SAMPLED, ENOUGH = 160, 8
"""Frames of a template that are measured, at most, and fewest by which anybody can be judged."""
NEIGHBOURS, APART = 3, 5
"""A look is as odd as it is far from the third most similar frame; of those at least so many frames away."""
TALKS = 0.08
"""Range of apertures, inter-ocular distances, from which on a template shows how the mouth looks when it is open."""
USUAL = 98
"""Percentile up to which a measure counts as usual."""
MIDDLE = slice(42, 71)
"""Columns of a view in which the middle of the lips lies."""


@dataclass(frozen=True)
class Person:
    """Lengths are in inter-ocular distances.

    skin, lip: float32 [3], Y, Cr, Cb
    flesh:     height of lip or tongue without a gap, see `flesh_and_teeth`
    teeth:     height of teeth
    tilt:      of the mouth's corners against the eyes, degrees, median
    oddity:    distance of a look from other frames
    talks:     whether the template shows how the mouth looks when it is open
    looks:     float16 [n, 720], see `views.look_of`
    """

    skin: Float32
    lip: Float32
    flesh: float
    teeth: float
    tilt: float
    oddity: float
    talks: bool
    looks: npt.NDArray[np.float16]

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Person:
        numbers = {name: float(np.asarray(arrays[name])) for name in ("flesh", "teeth", "tilt", "oddity")}
        skin, lip = (np.asarray(arrays[name], np.float32) for name in ("skin", "lip"))
        looks = np.asarray(arrays["looks"], np.float16)
        return cls(skin=skin, lip=lip, talks=bool(np.asarray(arrays["talks"])), looks=looks, **numbers)


def study(template: Template) -> Person | None:
    """None where too few frames show the mouth."""
    track = template.track
    good = track.present & (track.score > MIN_FACE_SCORE) & ~cut_off(track, template.width, template.height)
    if template.cover is not None:
        good &= template.cover.near == 0
    frames = np.flatnonzero(good)
    frames = frames[np.unique(np.linspace(0, len(frames) - 1, min(SAMPLED, len(frames))).round().astype(int))]
    maps = maps_to_views(track.landmarks[frames])
    seen = list(_views(template, frames, maps))
    if len(seen) < ENOUGH:
        return None
    kept, pictures = np.array([k for k, _ in seen]), np.stack([picture for _, picture in seen])
    frames, points = frames[kept], in_views(track.landmarks[frames[kept]], maps[kept])
    skin, lip = _colours(pictures, points)
    flesh, teeth = flesh_and_teeth(pictures, points, skin, lip)
    looks = look_of(pictures)
    others = distances(looks, looks)
    others[np.abs(frames[:, None] - frames) < APART] = np.inf
    nearest = np.sort(others, 1)[:, NEIGHBOURS - 1]
    nearest = nearest[np.isfinite(nearest)]
    low, high = np.percentile(lip_geometry.aperture(track.landmarks[frames]), [5, 95])
    return Person(
        skin=skin,
        lip=lip,
        flesh=float(np.percentile(flesh, USUAL)),
        teeth=float(np.percentile(teeth, USUAL)),
        tilt=float(np.median(tilt(points))),
        oddity=float(np.percentile(nearest, USUAL)) if len(nearest) else 0.0,
        talks=bool(high - low > TALKS),
        looks=looks.astype(np.float16),
    )


def _views(template: Template, frames: Indices, maps: Float64) -> Iterator[tuple[int, Uint8]]:
    """Views of some of the frames, with their places in `frames`. Mouth crops save decoding the template."""
    place = {int(frame): k for k, frame in enumerate(frames)}
    if template.mouth_crops is None:
        for index, frame in enumerate(template.frames()):
            if index in place:
                yield place[index], view(frame, maps[place[index]])
        return
    corners = np.array([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]], np.float64)
    for index, k in place.items():
        back = cv2.invertAffineTransform(maps[k])
        at = corners @ back[:, :2].T + back[:, 2]
        low = np.floor(at.min(0) / 2).astype(int) * 2
        box = (*low.tolist(), *(np.ceil((at.max(0) - low) / 2).astype(int) * 2).tolist())
        if template.mouth_crops.covers(index, *box):
            shifted = maps[k].copy()
            shifted[:, 2] += maps[k][:, :2] @ low
            yield k, view(template.mouth_crops.crop_yuv(index, *box), shifted)


def tilt(points: Float32) -> Float32:
    """Of the line between the corners of the mouth, degrees [n]. points: landmarks [n, 468, 2], view pixels"""
    right, left = (points[:, corner] for corner in mesh.MOUTH_CORNERS)
    return np.degrees(np.arctan2(left[:, 1] - right[:, 1], left[:, 0] - right[:, 0]))  # type: ignore[no-any-return]


def flesh_and_teeth(views: Uint8, points: Float32, skin: Float32, lip: Float32) -> tuple[Float32, Float32]:
    """Heights in the middle of mouths, [n] each: the longest stretch without dark or teeth, and all teeth.

    Between the inner edge of the upper lip and the outer edge of the lower one. A lip that is drawn out, or a tongue
    on it, is a long stretch; a jaw that drops shows the dark or teeth between.
    """
    red = (views[..., 1].astype(np.float32) - skin[1]) / max(float(lip[1] - skin[1]), 6.0)
    light = views[..., 0] / max(float(skin[0]), 1.0)
    teeth, dark = (light > 0.8) & (red < 0.25), light < 0.5
    every, rows = np.arange(SIDE), np.arange(SIDE)[None, :, None]
    upper = np.concatenate([mesh.INNER_MOUTH_CORNERS[:1], mesh.UPPER_INNER, mesh.INNER_MOUTH_CORNERS[1:]])
    lower = np.concatenate([mesh.MOUTH_CORNERS[:1], mesh.LOWER_OUTER, mesh.MOUTH_CORNERS[1:]])
    top, bottom = (np.stack([np.interp(every, *p[edge].T) for p in points]) for edge in (upper, lower))
    inside = (rows >= top[:, None]) & (rows <= bottom[:, None] + 1)
    between = slice(max(int(top.min()), 0), int(bottom.max()) + 3)
    longest = _longest((inside & ~teeth & ~dark)[:, between, MIDDLE])
    height = (inside & teeth)[:, :, MIDDLE].sum(1).mean(1)
    return (np.median(longest, axis=1) / UNIT).astype(np.float32), (height / UNIT).astype(np.float32)


def _longest(where: npt.NDArray[np.bool_]) -> Indices:
    """The longest unbroken run down each column, [n, columns]. where: [n, rows, columns]"""
    best = np.zeros((where.shape[0], where.shape[2]), np.int64)
    run = np.zeros_like(best)
    for row in np.moveaxis(where, 1, 0):
        run = np.where(row, run + 1, 0)
        best = np.maximum(best, run)
    return best


def _colours(views: Uint8, points: Float32) -> tuple[Float32, Float32]:
    """Of the skin about the mouth and of the lower lip, median over frames, float32 [3] each."""
    middle = (points[:, mesh.LOWER_INNER[3:6]] + points[:, mesh.LOWER_OUTER[3:6]]) / 2
    means = []
    for at in (points[:, mesh.MOUTH_SKIN], middle):
        x, y = np.rint(at).astype(np.int64).clip(0, SIDE - 1).transpose(2, 0, 1)
        samples = views[np.arange(len(views))[:, None], y, x]
        means.append(np.median(np.median(samples, axis=1), axis=0).astype(np.float32))
    return means[0], means[1]
