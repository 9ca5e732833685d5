"""Small pictures of mouths: the same person's mouth lies in the same place in all of them."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Float64, Frame, Uint8, warp_rgb

SIDE, UNIT = 112, 80
"""Rows and columns of a view, and its pixels to one inter-ocular distance."""
LOOK = (15, 16, 3)
"""Rows, columns and channels of a look."""
CENTRE = (0.7, 0.5)
"""Place of the middle between the corners of the mouth, inter-ocular distances from the left and from the top."""


def maps_to_views(points: Float32) -> Float64:
    """Frame pixels -> view pixels with the eyes level, float64 [n, 2, 3]. points: landmarks [n, 468, 2 or 3]"""
    across = points[:, mesh.LEFT_EYE, :2].mean(1) - points[:, mesh.RIGHT_EYE, :2].mean(1)
    unit = np.maximum(np.linalg.norm(across, axis=1), 1e-3)
    (x, y), scale = (across / unit[:, None]).T, UNIT / unit
    turn = np.stack([np.stack([x, y], 1), np.stack([-y, x], 1)], 1) * scale[:, None, None]
    middle = points[:, mesh.MOUTH_CORNERS, :2].mean(1)
    shift = np.array(CENTRE) * UNIT - np.einsum("nij,nj->ni", turn, middle)
    return np.concatenate([turn, shift[..., None]], 2).astype(np.float64)  # type: ignore[no-any-return]


def view(frame: Frame, to_view: Float64) -> Uint8:
    """uint8 [SIDE, SIDE, 3], Y, Cr, Cb of full range."""
    return np.asarray(cv2.cvtColor(warp_rgb(frame, to_view, SIDE), cv2.COLOR_RGB2YCrCb), np.uint8)


def in_views(points: Float32, to_views: Float64) -> Float32:
    """Landmarks [n, 468, 2 or 3], frame pixels, in view pixels [n, 468, 2]."""
    turned = np.einsum("nij,nkj->nki", to_views[:, :, :2], points[..., :2]) + to_views[:, None, :, 2]
    return np.asarray(turned, np.float32)


def look_of(views: Iterable[Uint8]) -> Float32:
    """What mouths look like without their mean colour, float32 [n, 720]: similar ones have a small distance."""
    looks = []
    for picture in views:
        small = cv2.resize(picture, (20, 20), interpolation=cv2.INTER_AREA).astype(np.float32)[3:18, 2:18]
        weighted = small * np.array([0.5, 1.5, 1.5], np.float32)
        looks.append((weighted - weighted.mean((0, 1))).ravel())
    return np.array(looks, np.float32)


def distances(looks: Float32, others: Float32) -> Float32:
    """Root mean square differences of two sets of looks, [n, m]."""
    square = (looks**2).sum(1)[:, None] + (others**2).sum(1) - 2 * looks @ others.T
    return np.sqrt(np.maximum(square, 0) / looks.shape[1])  # type: ignore[no-any-return]
