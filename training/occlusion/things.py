"""Microphones, paper, telephones, cups, cloth and hair in front of a mouth."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.occlusion import Float, textures
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


def microphone(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """A round or long head on a handle; the head has a grille or foam."""
    centre, radius = at_mouth(rng, 0.4) + np.array([0, 0.2 * UNIT]), UNIT * rng.uniform(0.18, 0.55)
    angle = rng.normal(np.pi / 2, 0.7)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    thin, thick = radius * rng.uniform(0.3, 0.7), radius * rng.uniform(0.3, 0.9)
    end = centre + along * 3 * SIZE / 2
    handle = np.array([centre + across * thick, end + across * thin, end - across * thin, centre - across * thick])
    body = drawn(handle) if rng.random() < 0.9 else np.zeros((SIZE, SIZE), np.float32)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    long = rng.uniform(0.9, 1.8)
    head = drawn(centre + radius * (np.cos(turn)[:, None] * along * long + np.sin(turn)[:, None] * across))
    dark = textures.plain(rng, SIZE) * rng.choice([0.3, 0.6, 1.0])
    top = textures.plain(rng, SIZE) * rng.choice([0.4, 1.0])
    grid = np.indices((SIZE, SIZE)).sum(0) if rng.random() < 0.5 else np.indices((SIZE, SIZE))[rng.integers(2)]
    pattern = 1 + rng.uniform(0, 0.4) * np.sin(grid * rng.uniform(0.8, 2.5)) if rng.random() < 0.6 else 1.0 + \
        rng.uniform(0, 0.25) * textures.noise(rng, SIZE, 3, 1)  # fmt: skip
    lit = np.clip(cushion(head) @ np.array([rng.normal(0, 0.5), -0.4, 0.8]), 0.15, 1.2)
    colour = dark * np.clip(cushion(body)[..., 2:], 0.3, 1)
    colour = colour + head[..., None] * (top * (pattern * lit)[..., None] - colour)
    return np.clip(colour, 0, 255).astype(np.float32), np.maximum(body, head)


def board(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """Paper, a telephone, a cup, a book: a quadrangle that often reaches out of the crop."""
    half = UNIT * np.exp(rng.uniform(-1.0, 0.6, 2))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * (1 + rng.normal(0, 0.1, (4, 2)))
    turn = any_turn(rng) if rng.random() < 0.4 else cv2.getRotationMatrix2D((0, 0), rng.normal(0, 15), 1)[:, :2]
    middle = at_mouth(rng, 0.5) + np.array([0, half[1] * rng.uniform(-0.3, 1)])
    alpha = drawn(middle + corners @ turn)
    choice = rng.random()
    if choice < 0.35:
        colour = np.full((SIZE, SIZE, 3), rng.uniform(170, 250), np.float32)
        if rng.random() < 0.6:
            lines = np.sin(np.indices((SIZE, SIZE))[0] * rng.uniform(0.6, 1.5) + rng.uniform(0, 6)) > 0.5
            ink = lines & (textures.noise(rng, SIZE, 5, 1) > -0.3) & (cv2.erode(alpha, np.ones((9, 9))) > 0.5)
            colour[ink] *= rng.uniform(0.3, 0.8)
        colour *= (1 + rng.uniform(0, 0.15) * textures.ramp(rng, SIZE))[..., None]
    else:
        colour = surface(rng, stock)
        if choice > 0.6:  # a cylinder
            x = np.indices((SIZE, SIZE))[1] - middle[0]
            colour = colour * np.clip(1.05 - (x / (half[0] + 1)) ** 2 * rng.uniform(0.2, 0.8), 0.2, 1.1)[..., None]
    return np.clip(colour, 0, 255).astype(np.float32), alpha


def cup(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """A cup, a mug or a glass seen from a little above or below, upright or tipped to the lips."""
    wide, high = UNIT * rng.uniform(0.45, 0.9), UNIT * rng.uniform(0.7, 1.8)
    foot, tilt = rng.uniform(0.6, 1.0), rng.uniform(0.08, 0.35)
    turn = cv2.getRotationMatrix2D((0, 0), rng.normal(0, 22), 1)[:, :2]
    middle = at_mouth(rng, 0.35) + np.array([0, 0.1 * UNIT])

    def at(shape: npt.NDArray[Any]) -> Float:
        return drawn(middle + shape @ turn)

    rim = CIRCLE * [wide, tilt * wide]
    body = at(np.array([[-wide, 0], [wide, 0], [wide * foot, high], [-wide * foot, high]]))
    bottom = at(CIRCLE * [wide * foot, tilt * wide * foot] + [0, high])
    alpha = np.maximum(np.maximum(body, bottom), at(rim))
    if rng.random() < 0.5:
        side, thick = rng.choice([-1, 1]), rng.uniform(0.1, 0.2) * UNIT
        ring = CIRCLE * [0.38 * high, 0.36 * high]
        ring_at = np.array([side * wide, high / 2])
        handle = at(ring + ring_at) - at(ring * (1 - thick / (0.36 * high)) + ring_at)
        alpha = np.maximum(alpha, np.clip(handle, 0, 1))
    y, x = np.indices((SIZE, SIZE), dtype=np.float32)
    place = ((x - middle[0]) * turn[0, 0] + (y - middle[1]) * turn[0, 1]) / wide
    lit = 1.05 - rng.uniform(0.2, 0.7) * np.clip(place - rng.uniform(-0.5, 0.5), -1.2, 1.2) ** 2
    colour = (textures.plain(rng, SIZE) if rng.random() < 0.7 else surface(rng, stock)) * np.clip(lit, 0.2, 1.1)[
        ..., None
    ]
    inside = at(rim * 0.93)[..., None] if rng.random() < 0.6 else np.zeros((SIZE, SIZE, 1), np.float32)
    colour += inside * (textures.plain(rng, SIZE) * rng.uniform(0.3, 1) - colour)
    return np.clip(colour, 0, 255).astype(np.float32), alpha


def cloth(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """A scarf, a collar, a medical mask: the face below some line."""
    x = np.linspace(-6, SIZE + 6, 12)
    level = MOUTH[1] + UNIT * rng.uniform(-0.75, 0.5)
    bow = rng.normal(0, 0.3) * UNIT * ((x - MOUTH[0]) / SIZE) ** 2 + rng.normal(0, 1.5, len(x))
    top = np.stack([x, level + rng.normal(0, 0.08) * (x - MOUTH[0]) + bow], 1)
    bottom = np.array([[SIZE + 6, SIZE + 6], [-6, SIZE + 6]])
    if rng.random() < 0.4:
        bottom[:, 1] = int(level + UNIT * rng.uniform(0.7, 1.2))
    alpha = drawn(np.concatenate([top, bottom]).astype(np.float64))
    folds = 1 + rng.uniform(0, 0.2) * textures.noise(rng, SIZE, rng.uniform(10, 40), 2)
    return np.clip(surface(rng, stock) * folds[..., None], 0, 255).astype(np.float32), alpha


def hair(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
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
