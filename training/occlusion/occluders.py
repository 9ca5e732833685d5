"""Things in front of a mouth: a picture and its opacity, made at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.occlusion import textures
from training.occlusion.hands import EXTENT, Rendering

Float = npt.NDArray[Any]
Uint8 = npt.NDArray[Any]

SIZE = 128
"""Rows and columns of a face crop."""
UNIT = SIZE / 2.4
"""Pixels of it that are the distance between the eyes, 0.063 m."""
MOUTH = (SIZE / 2, SIZE / 2 - 0.15 * UNIT)
"""Where the middle of the mouth lies in it, x and y."""


@dataclass(frozen=True)
class Stock:
    """hands: rendered; pictures: uint8 RGB, of anything"""

    hands: list[Rendering]
    pictures: list[Uint8]


Occluder = tuple[Float, Float]
"""Colour [SIZE, SIZE, 3], 0-255, and opacity [SIZE, SIZE], 0-1."""


def occluder(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """One occluder in front of `face`, float32 [SIZE, SIZE, 3], RGB."""
    kind = rng.choice(len(_KINDS), p=_SHARES)
    colour, alpha = _KINDS[kind](rng, stock, face)
    if rng.random() < 0.25:
        colour, alpha = _moved(rng, colour, alpha)
    return colour, np.clip(alpha, 0, 1)


def _skin_of(rng: np.random.Generator, face: Float) -> Float:
    """The colour of cheeks and chin [3]."""
    x, y = MOUTH
    places = [(x - 0.55 * UNIT, y - 0.2 * UNIT), (x + 0.55 * UNIT, y - 0.2 * UNIT), (x, y + 0.5 * UNIT)]
    cx, cy = places[rng.integers(3)]
    region = face[int(cy) - 5 : int(cy) + 6, int(cx) - 5 : int(cx) + 6].reshape(-1, 3)
    return np.median(region, axis=0).astype(np.float32)  # type: ignore[no-any-return]


def _at_mouth(rng: np.random.Generator, spread: float) -> npt.NDArray[Any]:
    return np.array(MOUTH) + rng.normal(0, spread * UNIT, 2)  # type: ignore[no-any-return]


def _hand(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    hand = stock.hands[rng.integers(len(stock.hands))]
    matrix = _placed(rng, hand.alpha, EXTENT / 0.063 * UNIT * np.exp(rng.uniform(-0.15, 0.45)))
    shape, flags = (SIZE, SIZE), cv2.INTER_LINEAR
    alpha = cv2.warpAffine(hand.alpha, matrix, shape, flags=flags).astype(np.float32) / 255
    normals = cv2.warpAffine(hand.normals.astype(np.float32), matrix, shape, flags=flags)
    turn = matrix[:, :2] / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    normals[..., :2] = normals[..., :2] @ turn.T.astype(np.float32)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True) + 1e-6  # type: ignore[misc]
    near = cv2.warpAffine(hand.near, matrix, shape, flags=flags).astype(np.float32) / 255
    tone = _skin_of(rng, face) if rng.random() < 0.8 else np.array(SKINS[rng.integers(len(SKINS))], np.float32)
    colour = textures.skin(rng, tone, normals, near)
    if rng.random() < 0.6:
        sleeve = cv2.warpAffine(hand.sleeve, matrix, shape, flags=flags).astype(np.float32)[..., None] / 255
        shade = np.clip(normals[..., 2:], 0.2, 1)
        colour += sleeve * (_surface(rng, stock) * shade - colour)
    return colour, alpha


SKINS = ((255, 224, 196), (241, 194, 162), (224, 172, 132), (198, 134, 96), (141, 85, 56), (92, 56, 40), (60, 36, 28))


def _placed(rng: np.random.Generator, alpha: Uint8, extent: float) -> npt.NDArray[Any]:
    """Map from a rendering to the crop that lays some pixel of it near the mouth; extent: its size in crop pixels."""
    rows, columns = np.nonzero(alpha > 128)
    k = rng.integers(len(rows))
    scale = extent / len(alpha)
    matrix = cv2.getRotationMatrix2D((float(columns[k]), float(rows[k])), rng.uniform(0, 360), scale)
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1, 0, 2.0 * columns[k]], [0, 1, 0], [0, 0, 1]])
    matrix[:, 2] += _at_mouth(rng, 0.45) - [columns[k], rows[k]]  # type: ignore[misc]
    return matrix


def _surface(rng: np.random.Generator, stock: Stock) -> Float:
    return textures.plain(rng, SIZE) if rng.random() < 0.5 else textures.patch(rng, stock.pictures, SIZE)


def _drawn(shape: npt.NDArray[Any]) -> Float:
    """Opacity of a polygon [n, 2]."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.rint(shape * 16).astype(np.int32)], (255,), lineType=cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def _blob(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """A smooth outline of anything: skin, a photograph, a piece of this very picture."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones_like(angle)
    for k in range(1, 6):
        radius += rng.normal(0, 0.25 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    size = UNIT * np.exp(rng.uniform(-1.4, 0.3))
    stretch = np.exp(rng.uniform(-0.6, 0.6))
    outline = np.stack([np.cos(angle) * radius * stretch, np.sin(angle) * radius / stretch], 1) * size
    alpha = _drawn(_at_mouth(rng, 0.5) + outline @ _turn(rng))
    choice = rng.random()
    if choice < 0.45:
        colour = textures.skin(rng, _skin_of(rng, face), _cushion(alpha))
    elif choice < 0.6:
        shift = rng.integers(-50, 51, 2)
        colour = np.roll(face, tuple(shift), (0, 1)) * rng.uniform(0.7, 1.2)
    else:
        colour = _surface(rng, stock) * np.clip(_cushion(alpha)[..., 2:], 0.3, 1)
    return np.clip(colour, 0, 255).astype(np.float32), alpha


def _turn(rng: np.random.Generator) -> npt.NDArray[Any]:
    a = rng.uniform(0, 2 * np.pi)
    return np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])


def _cushion(alpha: Float) -> Float:
    """Normals of a body that bulges over this outline, [SIZE, SIZE, 3]."""
    distance = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    height = np.sqrt(np.clip(distance, 0, 14) / 14) * 14
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), 1.5)
    x, y = cv2.Sobel(height, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(height, cv2.CV_32F, 0, 1) / 8
    normals = np.stack([-x, -y, np.ones_like(x)], 2)
    return normals / np.linalg.norm(normals, axis=2, keepdims=True)  # type: ignore[no-any-return]


def _microphone(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """A round or long head on a handle; the head has a grille or foam."""
    centre, radius = _at_mouth(rng, 0.4) + np.array([0, 0.2 * UNIT]), UNIT * rng.uniform(0.18, 0.55)
    angle = rng.normal(np.pi / 2, 0.7)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    thin, thick = radius * rng.uniform(0.3, 0.7), radius * rng.uniform(0.3, 0.9)
    end = centre + along * 3 * SIZE / 2
    handle = np.array([centre + across * thick, end + across * thin, end - across * thin, centre - across * thick])
    body = _drawn(handle) if rng.random() < 0.9 else np.zeros((SIZE, SIZE), np.float32)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    long = rng.uniform(0.9, 1.8)
    head = _drawn(centre + radius * (np.cos(turn)[:, None] * along * long + np.sin(turn)[:, None] * across))
    dark = textures.plain(rng, SIZE) * rng.choice([0.3, 0.6, 1.0])
    top = textures.plain(rng, SIZE) * rng.choice([0.4, 1.0])
    grid = np.indices((SIZE, SIZE)).sum(0) if rng.random() < 0.5 else np.indices((SIZE, SIZE))[rng.integers(2)]
    pattern = 1 + rng.uniform(0, 0.4) * np.sin(grid * rng.uniform(0.8, 2.5)) if rng.random() < 0.6 else 1.0 + \
        rng.uniform(0, 0.25) * textures.noise(rng, SIZE, 3, 1)  # fmt: skip
    lit = np.clip(_cushion(head) @ np.array([rng.normal(0, 0.5), -0.4, 0.8]), 0.15, 1.2)
    colour = dark * np.clip(_cushion(body)[..., 2:], 0.3, 1)
    colour = colour + head[..., None] * (top * (pattern * lit)[..., None] - colour)
    return np.clip(colour, 0, 255).astype(np.float32), np.maximum(body, head)


def _board(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """Paper, a telephone, a cup, a book: a quadrangle that often reaches out of the crop."""
    half = UNIT * np.exp(rng.uniform(-1.0, 0.6, 2))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * (1 + rng.normal(0, 0.1, (4, 2)))
    turn = _turn(rng) if rng.random() < 0.4 else cv2.getRotationMatrix2D((0, 0), rng.normal(0, 15), 1)[:, :2]
    middle = _at_mouth(rng, 0.5) + np.array([0, half[1] * rng.uniform(-0.3, 1)])
    alpha = _drawn(middle + corners @ turn)
    choice = rng.random()
    if choice < 0.35:
        colour = np.full((SIZE, SIZE, 3), rng.uniform(170, 250), np.float32)
        if rng.random() < 0.6:
            lines = np.sin(np.indices((SIZE, SIZE))[0] * rng.uniform(0.6, 1.5) + rng.uniform(0, 6)) > 0.5
            ink = lines & (textures.noise(rng, SIZE, 5, 1) > -0.3) & (cv2.erode(alpha, np.ones((9, 9))) > 0.5)
            colour[ink] *= rng.uniform(0.3, 0.8)
        colour *= (1 + rng.uniform(0, 0.15) * textures.ramp(rng, SIZE))[..., None]
    else:
        colour = _surface(rng, stock)
        if choice > 0.6:  # a cylinder
            x = np.indices((SIZE, SIZE))[1] - middle[0]
            colour = colour * np.clip(1.05 - (x / (half[0] + 1)) ** 2 * rng.uniform(0.2, 0.8), 0.2, 1.1)[..., None]
    return np.clip(colour, 0, 255).astype(np.float32), alpha


def _cloth(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """A scarf, a collar, a medical mask: the face below some line."""
    x = np.linspace(-6, SIZE + 6, 12)
    level = MOUTH[1] + UNIT * rng.uniform(-0.75, 0.5)
    bow = rng.normal(0, 0.3) * UNIT * ((x - MOUTH[0]) / SIZE) ** 2 + rng.normal(0, 1.5, len(x))
    top = np.stack([x, level + rng.normal(0, 0.08) * (x - MOUTH[0]) + bow], 1)
    bottom = np.array([[SIZE + 6, SIZE + 6], [-6, SIZE + 6]])
    if rng.random() < 0.4:
        bottom[:, 1] = int(level + UNIT * rng.uniform(0.7, 1.2))
    alpha = _drawn(np.concatenate([top, bottom]).astype(np.float64))
    folds = 1 + rng.uniform(0, 0.2) * textures.noise(rng, SIZE, rng.uniform(10, 40), 2)
    return np.clip(_surface(rng, stock) * folds[..., None], 0, 255).astype(np.float32), alpha


def _hair(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """Strands that fall over the face."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    start, drift = rng.uniform(-0.1, 1.1) * SIZE, rng.normal(0, 50)
    for _ in range(rng.integers(2, 26)):
        t = np.linspace(0, 1, 12)
        x = start + rng.normal(0, 5) + drift * t + rng.normal(0, 6) * np.sin(3 * t + rng.uniform(0, 6))
        y = -5 + t * SIZE * rng.uniform(0.5, 1.2)
        line = np.rint(np.stack([x, y], 1) * 16).astype(np.int32)
        cv2.polylines(mask, [line], False, (int(rng.integers(150, 256)),), int(rng.integers(1, 4)), cv2.LINE_AA, 4)
    tone = np.array([(20, 16, 14), (60, 40, 28), (110, 80, 50), (190, 160, 110), (150, 150, 150)][rng.integers(5)])
    colour = tone * (1 + 0.25 * textures.noise(rng, SIZE, 4, 2))[..., None] * rng.uniform(0.7, 1.3)
    return np.clip(colour, 0, 255).astype(np.float32), mask.astype(np.float32) / 255


def _moved(rng: np.random.Generator, colour: Float, alpha: Float) -> Occluder:
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


_Kind = Callable[[np.random.Generator, Stock, Float], Occluder]
_KINDS: tuple[_Kind, ...] = (_hand, _blob, _microphone, _board, _cloth, _hair)
_SHARES = (0.44, 0.14, 0.16, 0.13, 0.07, 0.06)
