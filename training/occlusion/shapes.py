"""The measures of a face crop, and outlines and bodies drawn in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.occlusion import Float, Uint8, textures
from training.occlusion.hands import Rendering

SIZE = 128
"""Rows and columns of a face crop."""
UNIT = SIZE / 2.4
"""Pixels of it that are the distance between the eyes, 0.063 m."""
MOUTH = (SIZE / 2, SIZE / 2 - 0.15 * UNIT)
"""Where the middle of the mouth lies in it, x and y."""
_AROUND = np.linspace(0, 2 * np.pi, 48, endpoint=False)
CIRCLE = np.stack([np.cos(_AROUND), np.sin(_AROUND)], 1)
Occluder = tuple[Float, Float]
"""Colour [SIZE, SIZE, 3], 0-255, and opacity [SIZE, SIZE], 0-1."""


@dataclass(frozen=True)
class Stock:
    """hands: rendered; pictures: uint8 RGB, of anything; faces: alike, whose skin lends its detail"""

    hands: list[Rendering]
    pictures: list[Uint8]
    faces: list[Uint8]


def at_mouth(rng: np.random.Generator, spread: float) -> npt.NDArray[Any]:
    return np.array(MOUTH) + rng.normal(0, spread * UNIT, 2)  # type: ignore[no-any-return]


def any_turn(rng: np.random.Generator) -> npt.NDArray[Any]:
    a = rng.uniform(0, 2 * np.pi)
    return np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])


def drawn(shape: npt.NDArray[Any]) -> Float:
    """Opacity of a polygon [n, 2]."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.rint(shape * 16).astype(np.int32)], (255,), lineType=cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def cushion(alpha: Float, deep: float = 14) -> Float:
    """Normals of a body that bulges over this outline, [SIZE, SIZE, 3]; deep: pixels from its edge that are sloped."""
    distance = np.minimum(cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3), deep)
    height = np.sqrt(distance * (2 * deep - distance))
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), 1.5)
    x, y = cv2.Sobel(height, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(height, cv2.CV_32F, 0, 1) / 8
    normals = np.stack([-x, -y, np.ones_like(x)], 2)
    return normals / np.linalg.norm(normals, axis=2, keepdims=True)  # type: ignore[no-any-return]


def surface(rng: np.random.Generator, stock: Stock) -> Float:
    return textures.plain(rng, SIZE) if rng.random() < 0.5 else textures.patch(rng, stock.pictures, SIZE)


def moved(rng: np.random.Generator, colour: Float, alpha: Float) -> Occluder:
    """Blurred along a line, as by motion."""
    length = int(rng.integers(3, 12))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    middle = np.full(2, (length - 1) / 2)
    a, b = np.rint(middle - step).astype(int), np.rint(middle + step).astype(int)
    cv2.line(kernel, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), (1.0,))
    kernel /= kernel.sum()
    soft = cv2.filter2D(alpha, -1, kernel)
    mixed = cv2.filter2D(colour * alpha[..., None], -1, kernel) / (soft[..., None] + 1e-3)
    return np.where(soft[..., None] > 0.02, mixed, colour), soft
