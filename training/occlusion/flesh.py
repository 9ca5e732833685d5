"""Hands, fingers and arms in front of a mouth, and smooth outlines of anything."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.occlusion import Float, Uint8, textures
from training.occlusion.hands import EXTENT
from training.occlusion.shapes import (
    CIRCLE,
    MOUTH,
    SIZE,
    UNIT,
    Occluder,
    Stock,
    any_turn,
    at_mouth,
    cushion,
    drawn,
    surface,
)

SKINS = ((255, 224, 196), (241, 194, 162), (224, 172, 132), (198, 134, 96), (141, 85, 56), (92, 56, 40), (60, 36, 28))


def own_hand(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """A hand in the face's own light, as bright as what it hides."""
    return hand(rng, stock, face, alike=True)


def hand(rng: np.random.Generator, stock: Stock, face: Float, alike: bool = False) -> Occluder:
    hand = stock.hands[rng.integers(len(stock.hands))]
    matrix = _placed(rng, hand.alpha, EXTENT / 0.063 * UNIT * np.exp(rng.uniform(-0.15, 0.45)))
    shape, flags = (SIZE, SIZE), cv2.INTER_LINEAR
    alpha = cv2.warpAffine(hand.alpha, matrix, shape, flags=flags).astype(np.float32) / 255
    normals = cv2.warpAffine(hand.normals.astype(np.float32), matrix, shape, flags=flags)
    turn = matrix[:, :2] / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    normals[..., :2] = normals[..., :2] @ turn.T.astype(np.float32)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True) + 1e-6  # type: ignore[misc]
    near = cv2.warpAffine(hand.near, matrix, shape, flags=flags).astype(np.float32) / 255
    colour = _flesh(rng, stock, face, alpha, normals, near, alike)
    if rng.random() < 0.6:
        sleeve = cv2.warpAffine(hand.sleeve, matrix, shape, flags=flags).astype(np.float32)[..., None] / 255
        shade = np.clip(normals[..., 2:], 0.2, 1)
        colour += sleeve * (surface(rng, stock) * shade - colour)
    return colour, alpha


def _placed(rng: np.random.Generator, alpha: Uint8, extent: float) -> npt.NDArray[Any]:
    """Map from a rendering to the crop that lays some pixel of it near the mouth; extent: its size in crop pixels."""
    rows, columns = np.nonzero(alpha > 128)
    k = rng.integers(len(rows))
    scale = extent / len(alpha)
    matrix = cv2.getRotationMatrix2D((float(columns[k]), float(rows[k])), rng.uniform(0, 360), scale)
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1, 0, 2.0 * columns[k]], [0, 1, 0], [0, 0, 1]])
    matrix[:, 2] += at_mouth(rng, 0.45) - [columns[k], rows[k]]  # type: ignore[misc]
    return matrix


def limb(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """A bare arm, or one to four fingers side by side, that reach in from outside."""
    arm = rng.random() < 0.3
    count, radius = (1, rng.uniform(0.4, 0.8)) if arm else (int(rng.integers(1, 5)), rng.uniform(0.11, 0.2))
    angle, tip, radius = rng.uniform(0, 2 * np.pi), at_mouth(rng, 0.45), radius * UNIT
    colour, alpha = np.zeros((SIZE, SIZE, 3), np.float32), np.zeros((SIZE, SIZE), np.float32)
    normals = np.zeros((SIZE, SIZE, 3), np.float32)
    across = np.array([-np.sin(angle), np.cos(angle)])
    for k in range(count):
        lean = angle + rng.normal(0, 0.08) + 0.06 * (k - (count - 1) / 2)
        along = np.array([np.cos(lean), np.sin(lean)])
        start = tip + across * radius * 1.9 * (k - (count - 1) / 2) + along * rng.normal(0, 0.25) * UNIT
        t = np.linspace(-1.2 * SIZE if arm and rng.random() < 0.5 else 0, 1.4 * SIZE, 24)
        bow = rng.normal(0, 0.0012) * t**2
        spine = start + t[:, None] * along + np.clip(bow, -20, 20)[:, None] * across
        wide = radius * (1 + 0.25 * t / SIZE) * np.minimum(1, 0.55 + np.sqrt(np.abs(t) / (2 * radius)))
        part = drawn(np.concatenate([spine + across * wide[:, None], (spine - across * wide[:, None])[::-1]]))
        part = np.maximum(part, drawn(start + wide[0] * CIRCLE)) if t[0] == 0 else part
        body = cushion(part, max(4.0, radius))
        normals += part[..., None] * (body - normals)
        alpha = np.maximum(alpha, part)
    colour = _flesh(rng, stock, face, alpha, normals, None)
    crease = cv2.morphologyEx(normals[..., 2], cv2.MORPH_BLACKHAT, np.ones((5, 5), np.uint8))
    return colour * np.clip(1 - rng.uniform(0, 1) * crease, 0.3, 1)[..., None], alpha


def blob(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """A smooth outline of anything: skin, a photograph, a piece of this very picture."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones_like(angle)
    for k in range(1, 6):
        radius += rng.normal(0, 0.25 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    size = UNIT * np.exp(rng.uniform(-1.4, 0.3))
    stretch = np.exp(rng.uniform(-0.6, 0.6))
    outline = np.stack([np.cos(angle) * radius * stretch, np.sin(angle) * radius / stretch], 1) * size
    alpha = drawn(at_mouth(rng, 0.5) + outline @ any_turn(rng))
    choice = rng.random()
    if choice < 0.45:
        colour = _flesh(rng, stock, face, alpha, cushion(alpha))
    elif choice < 0.6:
        shift = rng.integers(-50, 51, 2)
        colour = np.roll(face, tuple(shift), (0, 1)) * rng.uniform(0.7, 1.2)
    else:
        colour = surface(rng, stock) * np.clip(cushion(alpha)[..., 2:], 0.3, 1)
    return np.clip(colour, 0, 255).astype(np.float32), alpha


def _flesh(
    rng: np.random.Generator,
    stock: Stock,
    face: Float,
    alpha: Float,
    normals: Float,
    near: Float | None = None,
    alike: bool = False,
) -> Float:
    """Skin over this body: often of the face's own colour and in its light, now and then as bright as what it hides.

    alike: all three
    """
    tone = _skin_of(rng, face) if alike or rng.random() < 0.8 else np.array(SKINS[rng.integers(len(SKINS))], np.float32)
    side = _side(face) if alike or rng.random() < 0.5 else None
    colour = textures.skin(rng, tone, normals, near, side)
    if rng.random() < 0.6:
        colour *= textures.pores(rng, stock.faces, SIZE)
    if alike or rng.random() < 0.3:
        share = (alpha * _FACE)[..., None] + 1e-4
        level = ((face + 2) * share).sum((0, 1)) / ((colour + 2) * share).sum((0, 1))
        colour *= np.clip(level, 0.3, 3) * rng.normal(1, 0.05) * (1 + rng.normal(0, 0.015, 3))
    return np.clip(colour, 0, 255).astype(np.float32)


def _skin_of(rng: np.random.Generator, face: Float) -> Float:
    """The colour of cheeks and chin [3]."""
    x, y = MOUTH
    places = [(x - 0.55 * UNIT, y - 0.2 * UNIT), (x + 0.55 * UNIT, y - 0.2 * UNIT), (x, y + 0.5 * UNIT)]
    cx, cy = places[rng.integers(3)]
    region = face[int(cy) - 5 : int(cy) + 6, int(cx) - 5 : int(cx) + 6].reshape(-1, 3)
    return np.median(region, axis=0).astype(np.float32)  # type: ignore[no-any-return]


def _side(face: Float) -> float:
    """Where the light on this face comes from, -0.8 left to 0.8 right."""
    rows = slice(int(MOUTH[1] - 0.5 * UNIT), int(MOUTH[1] + 0.2 * UNIT))
    cheeks = [face[rows, int(MOUTH[0] + s * UNIT) - 6 : int(MOUTH[0] + s * UNIT) + 6].mean() for s in (-0.6, 0.6)]
    return float(np.clip(2 * (cheeks[1] - cheeks[0]) / (cheeks[1] + cheeks[0] + 1), -0.8, 0.8))


def _oval() -> Float:
    y, x = np.indices((SIZE, SIZE), dtype=np.float32)
    return (((x - MOUTH[0]) / 0.9) ** 2 + ((y - MOUTH[1]) / 1.1) ** 2 < UNIT**2).astype(np.float32)  # type: ignore[no-any-return]


_FACE = _oval()
"""Where a crop shows skin, roughly."""
