"""Mouths that cannot be drawn, at the border of the picture, where what lies outside is unknown, or hidden.

The drawn lips approach the frame's own, which take over where both are alike. Faded into each other while they differ,
they would be a double mouth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame
from digital_human.core.types import FaceTrack, Template

MARGIN = 0.15
"""Least distance of the lips from the border, inter-ocular distances: room for a jaw that drops further."""
FADE = 5
"""Frames over which the drawn mouth gives way before the lips come too close."""
SWITCHED = 0.5
"""Share up to which the frame's own mouth is shown."""


def cut_off(track: FaceTrack, width: int, height: int) -> npt.NDArray[np.bool_]:
    """bool [T], frames of width x height pixels that show the face with its lips at the border or beyond."""
    lips = track.landmarks[:, mesh.OUTER_LIPS, :2]
    right, left = (track.landmarks[:, eye, :2].mean(1) for eye in (mesh.RIGHT_EYE, mesh.LEFT_EYE))
    room = np.minimum(lips.min((1, 2)), (np.array([width, height]) - lips).min((1, 2)))
    return np.asarray(track.present & (room < MARGIN * np.linalg.norm(left - right, axis=1)))


def drawn_share(track: FaceTrack, width: int, height: int) -> Float32:
    """How far the drawn mouth has its way in each template frame, float32 [T], 0-1: 0 where the lips are `cut_off`."""
    cut = np.flatnonzero(cut_off(track, width, height))
    every = np.arange(len(track.present))
    if not cut.size:
        return np.ones(len(every), np.float32)
    after = np.searchsorted(cut, every)
    near = np.stack([cut[np.maximum(after - 1, 0)], cut[np.minimum(after, len(cut) - 1)]])
    away = np.where(track.continues(near, every), np.abs(near - every), FADE + 1).min(0)
    return np.asarray(np.clip(away / (FADE + 1), 0, 1), np.float32)


def shown_share(template: Template) -> Float32:
    """The same, 0 too where there is no face or the mouth is hidden."""
    share = template.track.present * drawn_share(template.track, template.width, template.height)
    if template.cover is not None:
        share = share * (1 - template.cover.through)
    return np.asarray(share, np.float32)


def approach(share: Float32) -> Float32:
    """How far lips that are drawn approach the frame's own, 0-1: wholly where `is_drawn` ends. share: 0-1"""
    return np.clip((1 - share) / (1 - SWITCHED), 0, 1)


def is_drawn(share: Float32) -> npt.NDArray[np.bool_]:
    """Whether the drawn mouth is shown. share: see `shown_share`"""
    return share >= SWITCHED


def mix(frame: Frame, drawn: Frame, share: float) -> Frame:
    """`frame` with this share of `drawn`."""
    if share >= 1:
        return drawn
    data = frame.data + share * (drawn.data.astype(np.float32) - frame.data)
    return Frame(np.rint(data).astype(np.uint8), frame.matrix, frame.alpha)
