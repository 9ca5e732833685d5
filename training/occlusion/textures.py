"""Colours and surfaces: noise, shading, and patches of freely licensed photographs."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from training.occlusion import Float, Uint8

PHOTOGRAPHS = ("brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
               "hubble_deep_field.jpg", "page.png", "rocket.jpg", "text.png")  # fmt: skip
"""Of the package scikit-image, all in the public domain or CC0."""


def photographs(folder: Path) -> list[Uint8]:
    """RGB pictures at half their size. folder: `skimage/data`"""
    found = []
    for name in PHOTOGRAPHS:
        picture = cv2.imread(str(folder / name), cv2.IMREAD_COLOR)
        half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        found.append(cv2.cvtColor(half, cv2.COLOR_BGR2RGB))
    return found


def noise(rng: np.random.Generator, size: int, grain: float, octaves: int = 3) -> Float:
    """Smooth noise [size, size] of about unit variance; grain: pixels of the coarsest detail.

    Cut from a few larger fields that are made once: it is wanted often.
    """
    fields = _fields(size, round(2 * float(np.log2(max(grain, 1)))), octaves)
    field = fields[rng.integers(len(fields))]
    x, y = rng.integers(0, size + 1, 2)
    cut = field[y : y + size, x : x + size]
    return (cut, cut[::-1], cut[:, ::-1], cut.T)[rng.integers(4)]


@lru_cache(maxsize=256)
def _fields(size: int, half_octave: int, octaves: int) -> list[Float]:
    rng = np.random.default_rng([size, half_octave, octaves])
    grain, double, made = 2.0 ** (half_octave / 2), 2 * size, []
    for _ in range(12):
        total, amount = np.zeros((double, double), np.float32), 1.0
        for octave in range(octaves):
            cells = max(3, int(double / max(grain / 2**octave, 1)) + 2)
            drawn = rng.standard_normal((cells, cells)).astype(np.float32)
            total += amount * cv2.resize(drawn, (double, double), interpolation=cv2.INTER_CUBIC)
            amount *= 0.55
        made.append(total / (total.std() + 1e-6))
    return made


def pores(rng: np.random.Generator, faces: list[Uint8], size: int) -> Float:
    """The fine detail of somebody's skin at a random scale and turn, a factor around 1, [size, size, 3]."""
    factor = patch(rng, faces, size, plain_colours=True) + 8
    return np.clip(factor / cv2.GaussianBlur(factor, (0, 0), rng.uniform(3, 8)), 0.7, 1.3)


def patch(rng: np.random.Generator, pictures: list[Uint8], size: int, plain_colours: bool = False) -> Float:
    """A piece of one of the pictures, at a random scale, colour and turn, float32 [size, size, 3]."""
    picture = pictures[rng.integers(len(pictures))]
    scale, angle = np.exp(rng.uniform(-0.7, 1.2)), rng.uniform(0, 360)
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((rng.uniform(0, width), rng.uniform(0, height)), angle, scale)
    matrix[:, 2] += size / 2 - matrix @ np.array([width / 2, height / 2, 1])  # type: ignore[misc]
    found = cv2.warpAffine(picture, matrix, (size, size), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
    if plain_colours:
        return found
    if rng.random() < 0.5:
        found = found[..., rng.permutation(3)]
    return np.clip(found * rng.uniform(0.5, 1.3), 0, 255)


def plain(rng: np.random.Generator, size: int) -> Float:
    """One colour, often grey or black, with a gradient and grain, float32 [size, size, 3]."""
    if rng.random() < 0.5:
        colour = np.full(3, rng.choice([15.0, 30.0, 90.0, 150.0, 230.0])) + rng.normal(0, 8, 3)
    else:
        colour = rng.uniform(10, 245, 3)
    light = 1 + rng.uniform(0, 0.35) * ramp(rng, size) + rng.uniform(0, 0.08) * noise(rng, size, 40)
    return np.clip(colour * light[..., None] + rng.normal(0, 3, (size, size, 1)), 0, 255).astype(np.float32)  # type: ignore[no-any-return]


def ramp(rng: np.random.Generator, size: int) -> Float:
    """A linear gradient from -1 to 1 in a random direction, [size, size]."""
    angle = rng.uniform(0, 2 * np.pi)
    line = np.linspace(-1, 1, size, dtype=np.float32)
    return (np.cos(angle) * line + np.sin(angle) * line[:, None]) / 1.4  # type: ignore[no-any-return]


def skin(
    rng: np.random.Generator, colour: Float, normals: Float, near: Float | None = None, side: float | None = None
) -> Float:
    """Skin of about this colour [3], lit from a random side, float32 [size, size, 3].

    normals: [size, size, 3], unit; near: 0-1, larger is nearer, for the shadows between fingers
    side: where the light comes from, -1 left to 1 right and from above; None anywhere
    """
    size = len(normals)
    across, down = rng.normal(0, 0.6, 2) if side is None else (side + rng.normal(0, 0.2), rng.normal(-0.3, 0.3))
    light = np.array([across, down, rng.uniform(0.3, 1.0)])
    light /= np.linalg.norm(light)
    bumpy = normals.copy()
    if rng.random() < 0.8:
        wrinkles = noise(rng, size, rng.uniform(4, 16), 3) * rng.uniform(0.1, 1.2)
        bumpy[..., 0] += cv2.Sobel(wrinkles, cv2.CV_32F, 1, 0) * 0.05
        bumpy[..., 1] += cv2.Sobel(wrinkles, cv2.CV_32F, 0, 1) * 0.05
    ambient = rng.uniform(0.35, 0.9)
    shade = ambient + (1 - ambient) * np.clip((bumpy @ light + 0.25) / 1.25, 0, 1)
    if near is not None:
        crease = np.clip(cv2.GaussianBlur(near, (0, 0), 3) - near, 0, 0.2) * rng.uniform(0, 4)
        shade *= 1 - np.clip(crease, 0, 0.6)
    shade *= rng.uniform(0.85, 1.25)
    tone = np.clip(colour * rng.uniform(0.85, 1.15) * (1 + rng.normal(0, 0.03, 3)), 5, 255)
    red = noise(rng, size, rng.uniform(15, 50), 2)[..., None] * np.array([0.01, -0.025, -0.02]) * rng.uniform(0, 2)
    fine = noise(rng, size, rng.uniform(2, 8), 2)[..., None] * rng.uniform(0, 0.035)
    lit = tone * (1 + red + fine) * shade[..., None]
    # Light that went through flesh is red: shadows on skin are warmer than the rest.
    lit *= 1 + (1 - np.clip(shade, 0, 1))[..., None] * np.array([0.08, -0.05, -0.06]) * rng.uniform(0, 1.5)
    return np.clip(lit, 0, 255).astype(np.float32)  # type: ignore[no-any-return]
