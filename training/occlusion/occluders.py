"""Things in front of a mouth: a picture and its opacity, made at random."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.occlusion import Float, flesh, things
from training.occlusion.shapes import Occluder, Stock, moved


def occluder(rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """One occluder in front of `face`, float32 [SIZE, SIZE, 3], RGB."""
    kind = rng.choice(list(_KINDS), p=_SHARES)
    colour, alpha = made(kind, rng, stock, face)
    if kind in _HELD and rng.random() < 0.35:
        held, inside = flesh.hand(rng, stock, face)
        colour, alpha = colour + inside[..., None] * (held - colour), np.maximum(alpha, inside)
    chance = rng.random()
    if chance < 0.25:
        colour, alpha = moved(rng, colour, alpha)
    elif chance < 0.6:  # nearer to the camera than what is in focus
        soft = rng.uniform(0.4, 2.2)
        colour, alpha = cv2.GaussianBlur(colour, (0, 0), soft), cv2.GaussianBlur(alpha, (0, 0), soft)
    return colour, np.clip(alpha, 0, 1)


def made(kind: str, rng: np.random.Generator, stock: Stock, face: Float) -> Occluder:
    """One of this kind, sharp and alone."""
    return _KINDS[kind](rng, stock, face)


_Kind = Callable[[np.random.Generator, Stock, Float], Occluder]
_KINDS: dict[str, _Kind] = {
    "hand": flesh.hand,
    "own hand": flesh.own_hand,
    "limb": flesh.limb,
    "blob": flesh.blob,
    "microphone": things.microphone,
    "board": things.board,
    "cup": things.cup,
    "cloth": things.cloth,
    "hair": things.hair,
}
_SHARES = (0.32, 0.08, 0.12, 0.08, 0.13, 0.11, 0.06, 0.04, 0.06)
_HELD = ("microphone", "board", "cup")
"""What a hand may hold."""
