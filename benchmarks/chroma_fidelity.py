"""Whether colours survive the whole way: chroma outside the mouth, a finished video against its template."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Frame
from digital_human.core.looping import loop_frames
from digital_human.media import VideoReader

LEAST_PSNR = 40.0
"""dB after x264 at the served settings."""


def psnr_outside(output: Path, template: Path, mouth: tuple[int, int, int, int], most: int = 100) -> float:
    """PSNR of both chroma planes in dB, the region of the mouth left out, over the first `most` frames.

    output: a video of `template`, played to and fro
    mouth:  x, y, width and height in pixels of what is left out
    """
    made = list(islice(VideoReader(output).frames(), most))
    given = list(VideoReader(template).frames())
    shown = loop_frames(len(given), len(made))
    errors = [_squares(frame, given[k], mouth) for frame, k in zip(made, shown, strict=True)]
    return float(10 * np.log10(255**2 / max(np.concatenate(errors).mean(), 1e-9)))


def _squares(a: Frame, b: Frame, mouth: tuple[int, int, int, int]) -> npt.NDArray[np.float64]:
    x, y, width, height = (value // 2 for value in mouth)
    outside = np.ones(a.planes[1].shape, bool)
    outside[y : y + height, x : x + width] = False
    pairs = zip(a.planes[1:], b.planes[1:], strict=True)
    return np.concatenate([((p[outside].astype(float) - q[outside]) ** 2) for p, q in pairs])
