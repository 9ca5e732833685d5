"""What is put behind a person: one colour, or a picture that covers the frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digital_human.core.alpha import over_colour
from digital_human.core.frame import Float32, Frame, Matrix, crop, from_yuv, rgb_to_yuv, yuv_to_rgb
from digital_human.errors import BadInputError
from digital_human.media.container import probe_video
from digital_human.media.normalise import Normaliser
from digital_human.media.video_info import VideoInfo
from digital_human.pipeline.output import resized

BLACK = "#000000"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Backdrop:
    """planes: Y, Cb and Cr as levels of 8 bits, float32, each of the frame's shape, or [1, 1] for one colour

    colour: its R, G and B; None for a picture
    """

    planes: tuple[Float32, Float32, Float32]
    colour: tuple[int, int, int] | None = None


def is_colour(background: str) -> bool:
    """Whether a caller's background is a colour, well formed or not, rather than a picture."""
    return background == "" or background.startswith("#")


def parse_colour(text: str) -> tuple[int, int, int]:
    """R, G and B of `#RRGGBB`. Raises BadInputError for anything else."""
    if not _COLOUR.fullmatch(text):
        raise BadInputError("background_malformed")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def load_backdrop(background: str, info: VideoInfo, most_pixels: int) -> Backdrop:
    """What goes behind the person in frames of `info`. Raises BadInputError for what is neither colour nor picture.

    background: `#RRGGBB`, or the path of a picture, which is scaled and cut so that it covers the frame
    """
    if is_colour(background):
        colour = parse_colour(background)
        levels = rgb_to_yuv(np.array([[colour]], np.uint8), info.matrix)[0].astype(np.float32)
        return Backdrop((levels[:, :1], levels[:, 1:2], levels[:, 2:]), colour)
    picture = resized(read_picture(Path(background), most_pixels), info.width, info.height, "crop")
    luma, blue, red = (plane.astype(np.float32) for plane in _with_matrix(picture, info.matrix).planes)
    return Backdrop((luma, blue, red))


def read_picture(path: Path, most_pixels: int) -> Frame:
    """A picture, upright, over black where it is transparent. Raises BadInputError for anything else, as a video."""
    info, picture = probe_video(path, "background", most_pixels)
    if not info.still:
        raise BadInputError("background_no_picture")
    return over_colour(Normaliser(info)(picture))


def require_picture(background: str | None, most_pixels: int) -> None:
    """Raises BadInputError where a background that is no colour is no picture either."""
    if background is not None and not is_colour(background):
        read_picture(Path(background), most_pixels)


def _with_matrix(frame: Frame, matrix: Matrix) -> Frame:
    """The same colours in a template's own YCbCr."""
    if frame.matrix == matrix:
        return frame
    picture = yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix)
    return from_yuv(rgb_to_yuv(picture, matrix), matrix)
