"""The picture of a result where it is to have another size or rate than its template."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, get_args

import cv2
import numpy as np

from digital_human.core.alpha import over_colour, straight
from digital_human.core.frame import Frame, Uint8
from digital_human.core.landmarks import Indices
from digital_human.errors import BadInputError
from digital_human.media import VideoInfo
from digital_human.media.video_info import SPACE_BT709, SPACE_UNSPECIFIED, ColourTags

Fit = Literal["letterbox", "crop"]
FITS: tuple[Fit, ...] = get_args(Fit)
SIDES = 64, 8192
"""Least and largest width and height that may be asked for, pixels."""
RATES = 1.0, 120.0
"""Least and largest frames per second that may be asked for."""

_BLACK = 16, 128, 128
_TAGS = {"bt601": ColourTags(6, 6, 6), "bt709": ColourTags(SPACE_BT709, SPACE_BT709, SPACE_BT709)}


@dataclass(frozen=True)
class Size:
    """width: pixels; None for what the template's shape makes of the height"""

    width: int | None
    height: int


def parse_size(text: str) -> Size:
    """`HEIGHT` or `WIDTHxHEIGHT`. Raises BadInputError for anything else, for odd sides and for those out of range."""
    width, cross, height = text.lower().rpartition("x")
    sides = [width, height] if cross else [height]
    if not all(side.isascii() and side.isdecimal() and len(side) < 6 for side in sides):
        raise BadInputError("size_malformed")
    numbers = [int(side) for side in sides]
    if any(number % 2 or not SIDES[0] <= number <= SIDES[1] for number in numbers):
        raise BadInputError("size_unusable", least=SIDES[0], largest=SIDES[1])
    return Size(numbers[0] if cross else None, numbers[-1])


def output_info(info: VideoInfo, size: str | None, fps: float | None, most_pixels: int) -> VideoInfo:
    """The result's picture as the encoder sees it. Raises BadInputError where the size is unusable or too large."""
    if size is not None:
        asked = parse_size(size)
        width = asked.width or max(round(info.width * asked.height / info.height / 2) * 2, 16)
        if width * asked.height > most_pixels:
            raise BadInputError("size_too_large", size=f"{width}x{asked.height}", most=most_pixels)
        # Players guess the matrix of untagged video by its height, which is another now.
        tags = _TAGS[info.matrix] if info.tags.space == SPACE_UNSPECIFIED else info.tags
        info = replace(info, width=width, height=asked.height, tags=tags)
    return info if fps is None else replace(info, fps=Fraction(fps).limit_denominator(1001))


def shown_frames(count: int, fps: Fraction, output: Fraction, seconds: float | None) -> Indices:
    """The frame of the template's rate that each output frame shows, int64 [N]: what is on screen in its middle.

    count: frames at the template's rate `fps`; seconds: length of the output, all of it if None
    """
    frames = count if output == fps else max(round(count * output / fps), 1)
    if seconds is not None:
        frames = min(frames, max(round(seconds * output), 1))
    middle = (2 * np.arange(frames) + 1) * (fps.numerator * output.denominator)
    return np.minimum(middle // (2 * fps.denominator * output.numerator), count - 1)


def resized(frame: Frame, width: int, height: int, fit: Fit) -> Frame:
    """The frame at another size. fit: whether bars fill what another shape leaves, or the longer side is cut"""
    if (frame.width, frame.height) == (width, height):
        return frame
    if frame.alpha is not None:
        # The colours of what does not show would mix with those that do.
        flat = resized(over_colour(frame), width, height, fit)
        return straight(flat, _resized_alpha(frame.alpha, flat, fit))
    scales = width / frame.width, height / frame.height
    result = Frame(np.empty((height * 3 // 2, width), np.uint8), frame.matrix)
    if fit == "crop":
        scale = max(scales)
        inner = _even(width / scale, frame.width), _even(height / scale, frame.height)
        corner = (frame.width - inner[0]) // 4 * 2, (frame.height - inner[1]) // 4 * 2
        for plane, target, step in zip(frame.planes, result.planes, (1, 2, 2), strict=True):
            _scale(_window(plane, corner, inner, step), target)
        return result
    scale = min(scales)
    inner = _even(frame.width * scale, width), _even(frame.height * scale, height)
    corner = (width - inner[0]) // 4 * 2, (height - inner[1]) // 4 * 2
    for plane, target, step, black in zip(frame.planes, result.planes, (1, 2, 2), _BLACK, strict=True):
        target[...] = black
        _scale(plane, _window(target, corner, inner, step))
    return result


def _resized_alpha(alpha: Uint8, like: Frame, fit: Fit) -> Uint8:
    """Bars are transparent."""
    rows, columns = alpha.shape
    mask = Frame(np.full((rows * 3 // 2, columns), 128, np.uint8), like.matrix)
    # Bars are black, which is 16.
    mask.planes[0][...] = np.rint(16 + alpha * np.float32(219 / 255))
    levels = resized(mask, like.width, like.height, fit).planes[0].astype(np.float32)
    return np.asarray(np.clip(np.rint((levels - 16) * (255 / 219)), 0, 255), np.uint8)


def _even(length: float, most: int) -> int:
    return min(max(round(length / 2) * 2, 2), most)


def _window(plane: Uint8, corner: tuple[int, int], size: tuple[int, int], step: int) -> Uint8:
    (x, y), (width, height) = ((first // step, second // step) for first, second in (corner, size))
    return plane[y : y + height, x : x + width]


def _scale(plane: Uint8, target: Uint8) -> None:
    shape = target.shape[::-1]
    smaller = shape[0] < plane.shape[1]
    target[...] = cv2.resize(plane, shape, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
