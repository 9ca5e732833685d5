"""Frames with an alpha channel over something else."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from digital_human.core.frame import Array, Float32, Frame, Uint8, rgb_to_yuv

BLACK = 0, 0, 0


def half(alpha: Uint8) -> Float32:
    """What alpha is for a pixel of chroma, float32 [height / 2, width / 2], 0-255."""
    rows, columns = alpha.shape
    small = cv2.resize(alpha.astype(np.float32), (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def over(frame: Frame, behind: Sequence[Array | float]) -> Frame:
    """The frame laid over something, without an alpha channel. behind: Y, Cb and Cr, planes or numbers"""
    if frame.alpha is None:
        return frame
    result = Frame(np.empty_like(frame.data), frame.matrix)
    small = half(frame.alpha)
    for target, plane, alpha, under in zip(
        result.planes, frame.planes, (frame.alpha, small, small), behind, strict=True
    ):
        share = np.asarray(alpha, np.float32) / 255
        target[...] = np.rint(plane * share + np.asarray(under, np.float32) * (1 - share))
    return result


def over_colour(frame: Frame, colour: tuple[int, int, int] = BLACK) -> Frame:
    """The frame laid over R, G and B; the frame itself where it has no alpha channel."""
    if frame.alpha is None:
        return frame
    levels = rgb_to_yuv(np.array([[colour]], np.uint8), frame.matrix)[0, 0]
    return over(frame, [float(level) for level in levels])


def straight(flat: Frame, alpha: Uint8) -> Frame:
    """A frame with an alpha channel, from one that was laid over black."""
    result = Frame(np.empty_like(flat.data), flat.matrix, alpha)
    small = half(alpha)
    for target, plane, part, black in zip(
        result.planes, flat.planes, (alpha, small, small), (16, 128, 128), strict=True
    ):
        share = np.maximum(np.asarray(part, np.float32) / 255, 1 / 512)
        target[...] = np.clip(np.rint(black + (plane.astype(np.float32) - black) / share), 0, 255)
        target[part == 0] = black
    return result
