"""HDR pictures as SDR frames, fast enough to be done while decoding.

Chroma has half the resolution of luma. So a table of the formulas in `media.hdr` is looked up at that resolution only:
for the chroma, and for how far luma differs from that of a grey of the same level. Luma gets its own curve, at
the full depth of the source, and that difference on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from digital_human.core.frame import Float64, Frame, Uint8
from digital_human.media.hdr import WEIGHTS, Hdr, to_sdr
from digital_human.media.planes import plane_of

DEPTH_FORMAT = "yuv420p10le"
"""FFmpeg's name of the pictures that are read: 10 bit, limited range."""

_RED_STEPS, _STEPS = 256, 49
"""Of the table: red is looked up to the next step, green and blue are interpolated between theirs."""
_UNIT = 64
_OFFSET = 128
_ROWS = 64
"""Of luma, that stay in the processor's cache on their way."""

Int16 = npt.NDArray[np.int16]
Uint16 = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class ToneMap:
    """Tables, made once for each kind of HDR.

    luma:   int16 [1024], the level of 8 bit of a grey, in 1 / _UNIT
    colour: uint8 [red * green, blue, 4], by the steps of R, G and B: luma beyond that of a grey plus _OFFSET, Cb, Cr,
            and nothing: with four channels OpenCV looks up twice as fast as with three
    """

    weights: tuple[float, float]
    luma: Int16
    colour: Uint8

    def __call__(self, picture: VideoFrame) -> Frame:
        """A picture of `DEPTH_FORMAT` with even sides."""
        width, height = picture.width, picture.height
        frame = Frame(np.empty((height * 3 // 2, width), np.uint8), "bt709")
        luma, blue, red = (plane_of(picture, index, np.uint16) for index in range(3))
        small = cv2.resize(luma, blue.shape[::-1], interpolation=cv2.INTER_AREA)
        targets = frame.planes
        beyond, targets[1][...], targets[2][...], _ = cv2.split(self._look_up(small, blue, red))
        beyond = (np.asarray(beyond, np.int16) - _OFFSET) * _UNIT
        added = np.asarray(cv2.resize(beyond, (width, height), interpolation=cv2.INTER_LINEAR), np.int16)
        for top in range(0, height, _ROWS):
            rows = slice(top, top + _ROWS)
            greys = np.take(self.luma, luma[rows], mode="clip")
            greys += added[rows]
            cv2.convertScaleAbs(greys, targets[0][rows], 1 / _UNIT)
        return frame

    def _look_up(self, luma: npt.NDArray[np.generic], blue: Uint16, red: Uint16) -> Uint8:
        y, cb, cr = (np.asarray(plane, np.float32) for plane in (luma, blue, red))
        of_y, of_cb, of_cr = _to_rgb(self.weights)
        steps = _STEPS - 1
        greens = cv2.addWeighted(cb, steps * of_cb[1], cr, steps * of_cr[1], -512 * steps * (of_cb[1] + of_cr[1]))
        greens = cv2.addWeighted(y, steps * of_y, greens, 1, -64 * steps * of_y)
        blues = cv2.addWeighted(y, steps * of_y, cb, steps * of_cb[2], -steps * (64 * of_y + 512 * of_cb[2]))
        most = _RED_STEPS - 1
        offset = -most * (64 * of_y + 512 * of_cr[0])
        # 8 bit: rounded, and held to the table's range.
        reds = cv2.addWeighted(y, most * of_y, cr, most * of_cr[0], offset, dtype=cv2.CV_8U)
        np.clip(greens, 0, steps, out=greens)
        rows = cv2.scaleAdd(reds.astype(np.float32), _STEPS, greens)
        found = cv2.remap(self.colour, blues, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.uint8)


@lru_cache(2)
def tone_map(hdr: Hdr) -> ToneMap:
    weights = WEIGHTS[hdr.matrix]
    red, rest = np.linspace(0, 1, _RED_STEPS), np.linspace(0, 1, _STEPS)
    signal = np.stack(np.meshgrid(red, rest, rest, indexing="ij"), -1)
    colour = _to_yuv(to_sdr(signal, hdr))
    levels = (np.arange(1024) - 64) / 876
    greys = _grey(levels, hdr)
    signal_luma = signal @ np.array([weights[0], 1 - sum(weights), weights[1]])
    colour[..., 0] -= np.interp(signal_luma, levels, greys)
    table = np.zeros((_RED_STEPS * _STEPS, _STEPS, 4), np.uint8)
    colour[..., 0] += _OFFSET
    table[..., :3] = np.clip(np.rint(colour.reshape(-1, _STEPS, 3)), 0, 255)
    return ToneMap(weights, np.rint(greys * _UNIT).astype(np.int16), table)


def _grey(levels: Float64, hdr: Hdr) -> Float64:
    return 16 + 219 * to_sdr(np.repeat(levels[:, None], 3, axis=1), hdr)[..., 0]


def _to_rgb(weights: tuple[float, float]) -> tuple[float, tuple[float, float, float], tuple[float, float, float]]:
    """What one level of 10-bit Y, Cb and Cr adds to R, G and B."""
    red, blue = weights
    green = 1 - red - blue
    of_cb, of_cr = 2 * (1 - blue) / 896, 2 * (1 - red) / 896
    return 1 / 876, (0.0, -of_cb * blue / green, of_cb), (of_cr, -of_cr * red / green, 0.0)


def _to_yuv(rgb: Float64) -> Float64:
    """Non-linear RGB of BT.709, 0-1 -> Y, Cb and Cr, levels of 8 bit and limited range."""
    red, blue = WEIGHTS["bt709"]
    luma = rgb @ np.array([red, 1 - red - blue, blue])
    cb, cr = (rgb[..., 2] - luma) / (2 * (1 - blue)), (rgb[..., 0] - luma) / (2 * (1 - red))
    return np.stack([16 + 219 * luma, 128 + 224 * cb, 128 + 224 * cr], -1)
