"""Another background behind a person in front of an even, coloured one: a green or blue screen.

A pixel's key is how much of the screen's colour its chroma has beyond what the angle to it allows, so that light and
shade on the screen do not matter, and skin and hair keep theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from digital_human.core.frame import Float32, Frame, Uint8
from digital_human.errors import BadInputError
from digital_human.pipeline.backdrop import Backdrop

STRENGTH, SHARE, ALIKE = 24.0, 0.5, 24.0
"""Least distance of a screen's colour from grey, share of the picture's rim that shows it, and how far that differs."""
FIRST, LAST = 0.12, 0.62
"""Key over the screen's own at which a pixel begins to be background, and is nothing else."""
ANGLE, SPILL_ANGLE = 0.9, 0.3
"""How much of a colour's part at right angles to the screen's counts against it: for the key, and for the screen's
light on the person, which takes on their colour."""
CHOKE = 0.12
"""Of the edge, what is taken off: there the screen shines through most."""
REACH = 41
"""Pixels around an edge from which the screen's luma there is taken."""


@dataclass(frozen=True)
class Background:
    """key: the screen's chroma, float32 [2], Cb and Cr around 0; backdrop: what is put in its place"""

    key: Float32
    backdrop: Backdrop


def find_background(frame: Frame, backdrop: Backdrop) -> Background:
    """What to replace in the frames of a template, from one of them. Raises BadInputError where there is no screen."""
    _, blue, red = frame.planes
    rows, columns = blue.shape
    rim = np.zeros((rows, columns), np.bool_)
    rim[: max(rows // 10, 1)] = True
    rim[: rows // 2, : max(columns // 12, 1)] = rim[: rows // 2, -max(columns // 12, 1) :] = True
    chroma = np.stack([blue[rim], red[rim]], 1).astype(np.float32) - 128
    key = np.median(chroma, axis=0).astype(np.float32)
    alike = np.linalg.norm(chroma - key, axis=1) < ALIKE
    if np.linalg.norm(key) < STRENGTH or alike.mean() < SHARE:
        raise BadInputError("background_not_even")
    return Background(key, backdrop)


def lay_behind(frame: Frame, background: Background) -> Frame:
    """The frame with another background, and without the screen's light on the person."""
    size = float(np.linalg.norm(background.key))
    unit = background.key / size
    luma, *planes = frame.planes
    blue, red = (plane.astype(np.float32) - 128 for plane in planes)
    along, across = blue * unit[0] + red * unit[1], np.abs(red * unit[0] - blue * unit[1])
    key = np.maximum(along - ANGLE * across, 0)
    cover = 1 - np.clip((key / size - FIRST) / (LAST - FIRST), 0, 1)
    cover = np.clip((cover - CHOKE) / (1 - CHOKE), 0, 1)
    result = Frame(np.empty_like(frame.data), frame.matrix)
    spill = np.maximum(along - SPILL_ANGLE * across, 0)
    chroma = (blue - spill * unit[0], red - spill * unit[1])
    for target, own, wanted in zip(result.planes[1:], chroma, background.backdrop.planes[1:], strict=True):
        target[...] = np.clip(np.rint(128 + own * cover + (wanted - 128) * (1 - cover)), 0, 255)
    result.planes[0][...] = _luma(luma, cover.astype(np.float32), background.backdrop.planes[0])
    return result


def _luma(luma: Uint8, cover: Float32, wanted: Float32) -> Uint8:
    """Luma of the person without the screen behind their edges, over `wanted`."""
    whole = cv2.resize(cover, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
    own = luma.astype(np.float32)
    screen = (whole < 0.02).astype(np.float32)
    weight = cv2.blur(screen, (REACH, REACH))
    behind = np.where(weight > 1e-3, cv2.blur(own * screen, (REACH, REACH)) / np.maximum(weight, 1e-3), own)
    person = np.clip(own - (1 - whole) * behind, 16 * whole, 235 * whole)
    return np.asarray(np.clip(np.rint(person + (1 - whole) * wanted), 0, 255), np.uint8)
