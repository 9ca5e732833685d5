"""The donor: the inside of another person's mouth at any opening, and the motion of a face whose mouth opens.

`training.donor.build_atlas` builds the atlas; docs/donor-mouths.md says from what. Its pictures lie in a plane fixed
to the donor's skull, so upper teeth stand still in it while lips and jaw move: between two pictures everything above
fades in place, and everything below moves with the lower lip.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.core.smoothing import smoothstep
from digital_human.engines.exemplar import rbf

ATLAS = Path(__file__).parents[3] / "assets" / "donor_mouths.npz"
REACH, GRID = 0.6, 4
"""Reach of the displacement field between two images, inter-ocular distances, and the step of its grid, pixels."""
CORNERS = (0.45, 0.85)
"""Teeth fade into the shadow of the cheeks between these distances from the middle, half widths of the mouth."""
CORNER_SHADE, CORNER_BLUR = 0.55, 0.03
"""Share of the light that is lost there, and blur of the teeth there, inter-ocular distances: on a turned face, single
teeth at the corner would stand out like fangs."""


@dataclass(frozen=True)
class Donor:
    """K images in ascending order of opening. Lengths are in inter-ocular distances unless stated.

    pictures:  float32 [K, rows, columns, 3] RGB, continued beyond the lips' edge
    contours:  float32 [K, 20, 2], the lips' inner edge in them, ordered as `landmarks.INNER_LIPS`, pixels
    openings:  float32 [K], of the lips over the closed mouth
    teeth:     float32 [3], RGB of the brightest teeth
    crispness: float32 [B], share of fine detail in the donor's face after a blur by each of `blurs` [B]
    seam:      float32 [2], where the closed lips meet, pixels
    scale:     pixels per inter-ocular distance
    reference: float32 [468, 3], the donor's mean face looking straight ahead, origin under the nose
    shut:      float32 [468, 3], the donor's face with the mouth shut
    opening:   float32 [4, 468, 3], change of the face per opening, its square, widening and opening times widening
    """

    pictures: Float32
    contours: Float32
    openings: Float32
    teeth: Float32
    crispness: Float32
    blurs: Float32
    seam: Float32
    scale: float
    reference: Float32
    shut: Float32
    opening: Float32

    def change(self, opening: Float32, widening: Float32) -> Float32:
        """Motion of the face, float32 [n, 468, 3], that comes with an opening and a widening of the shut mouth [n]."""
        terms = np.stack([opening, opening**2, widening, opening * widening], 1)
        return np.asarray(np.einsum("nk,kvc->nvc", terms, self.opening), np.float32)

    def mouth(self, opening: float) -> tuple[Float32, Float32]:
        """Image [rows, columns, 3] and contour [20, 2] at one opening."""
        position = float(np.interp(opening, self.openings, np.arange(len(self.openings))))
        below = min(int(position), len(self.openings) - 2)
        share = position - below
        share = share * share * (3 - 2 * share)
        contour = (1 - share) * self.contours[below] + share * self.contours[below + 1]
        lower, upper = (_move(self.pictures[k], self.contours[k], contour, self.scale) for k in (below, below + 1))
        return (1 - share) * lower + share * upper, contour


@cache
def load_donor() -> Donor:
    """The donor that ships with the service."""
    with np.load(ATLAS) as stored:
        arrays: dict[str, Any] = {name: stored[name] for name in stored.files if name != "credit"}
    scale = float(arrays["scale"])
    pictures = [
        _shaded_at_corners(_continued(p, c), c, scale)
        for p, c in zip(arrays["pictures"], arrays["contours"], strict=True)
    ]
    return Donor(**{**arrays, "pictures": np.stack(pictures), "scale": scale})


def inside(contour: Float32, rows: int, columns: int) -> Uint8:
    """255 within a closed contour [n, 2], 0 outside."""
    mask = np.zeros((rows, columns), np.uint8)
    cv2.fillPoly(mask, [np.round(contour * 16).astype(np.int32)], (255,), shift=4)
    return mask


def _continued(picture: Uint8, contour: Float32) -> Float32:
    """The image, float32, in which each pixel outside the contour has the colour of the nearest one well inside."""
    hole = cv2.erode(inside(contour, *picture.shape[:2]), np.ones((3, 3), np.uint8))
    _, labels = cv2.distanceTransformWithLabels(
        255 - hole, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((int(labels.max()) + 1, 3), np.float32)
    colours[labels[hole > 0]] = picture[hole > 0]
    return np.where(hole[..., None] > 0, picture, cv2.GaussianBlur(colours[labels], (0, 0), 1.0)).astype(np.float32)


def _shaded_at_corners(picture: Float32, contour: Float32, scale: float) -> Float32:
    """The image, darker and softer towards the corners of the mouth."""
    low, high = contour[:, 0].min(), contour[:, 0].max()
    aside = np.abs(np.arange(picture.shape[1], dtype=np.float32) - (low + high) / 2) / ((high - low) / 2)
    share = smoothstep((aside - CORNERS[0]) / (CORNERS[1] - CORNERS[0]))[None, :, None]
    soft = cv2.GaussianBlur(picture, (0, 0), CORNER_BLUR * scale)
    return np.asarray((picture + share * (soft - picture)) * (1 - CORNER_SHADE * share), np.float32)


def _move(picture: Float32, contour: Float32, wanted: Float32, scale: float) -> Float32:
    """The image with the edge of its lower lip moved from one contour to another. The upper jaw stays."""
    displacement = np.zeros_like(contour)
    displacement[mesh.LOWER_CONTOUR] = contour[mesh.LOWER_CONTOUR] - wanted[mesh.LOWER_CONTOUR]
    return pull(picture, wanted, displacement, REACH * scale)


def pull(picture: Float32, points: Float32, displacement: Float32, reach: float) -> Float32:
    """The image warped so that what was at points + displacement, [K, 2] pixels each, lies at the points."""
    rows, columns = picture.shape[:2]
    weights = rbf.coefficients(points[None], displacement[None], np.array([reach], np.float32), 1e-3)[0]
    x, y = np.meshgrid(np.arange(0, columns, GRID), np.arange(0, rows, GRID))
    grid = np.stack([x.ravel(), y.ravel()], 1) + np.float32((GRID - 1) / 2)
    distance = np.linalg.norm(grid[:, None] - points, axis=2).astype(np.float32) / reach
    coarse = (rbf.wendland(distance) @ weights).reshape(*x.shape, 2)
    size = (x.shape[1] * GRID, x.shape[0] * GRID)
    field = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)[:rows, :columns]
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    at = (field + np.stack([x, y], 2)).astype(np.float32)
    moved = cv2.remap(picture, at, np.empty(0), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)
