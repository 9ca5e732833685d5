"""Pictures with an alpha channel, as frames."""

from __future__ import annotations

import cv2
import numpy as np
from av.video.frame import VideoFrame

from digital_human.core.alpha import half
from digital_human.core.frame import Frame, Matrix, Uint8
from digital_human.media.planes import plane_of

PLAIN_FORMAT, FULL_FORMAT, DEPTH_FORMAT = "yuva420p", "yuva444p", "yuva420p10le"
"""FFmpeg's names of what pictures are made into: kept, of full chroma, and for a tone map."""
_NEARLY = 250
"""An encoder may leave a little less than 255 of what is opaque."""


def has_alpha(picture: VideoFrame) -> bool:
    """Whether something of the picture is transparent."""
    kind = picture.format
    if kind.name != "pal8" and not any(component.is_alpha for component in kind.components):
        return False
    return int(plane_of(picture.reformat(format=FULL_FORMAT), 3, np.uint8).min()) < _NEARLY


def frame_of(picture: VideoFrame, matrix: Matrix) -> Frame:
    """A frame of a picture of `PLAIN_FORMAT` or `FULL_FORMAT` with even sides."""
    luma, blue, red, alpha = (plane_of(picture, index, np.uint8) for index in range(4))
    chroma = [blue, red]
    if picture.format.name == FULL_FORMAT:
        # Colours that do not show have no part in those of their neighbours.
        weight = alpha.astype(np.float32)
        size = alpha.shape[1] // 2, alpha.shape[0] // 2
        whole = np.maximum(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), 1e-3)
        chroma = [
            np.clip(np.rint(cv2.resize(plane * weight, size, interpolation=cv2.INTER_AREA) / whole), 0, 255)
            for plane in chroma
        ]
    rows, columns = alpha.shape
    frame = Frame(np.empty((rows * 3 // 2, columns), np.uint8), matrix, alpha.copy())
    for target, plane in zip(frame.planes, (luma, *chroma), strict=True):
        target[...] = plane
    return blackened(frame)


def with_alpha(frame: Frame, picture: VideoFrame) -> Frame:
    """A frame that was made of a picture of `DEPTH_FORMAT`, with the picture's alpha channel."""
    alpha: Uint8 = np.right_shift(plane_of(picture, 3, np.uint16), 2).astype(np.uint8)
    return blackened(Frame(frame.data, frame.matrix, alpha))


def blackened(frame: Frame) -> Frame:
    """The frame, black where nothing of it shows: whatever is there shall be neither looked at nor encoded."""
    assert frame.alpha is not None
    hidden = frame.alpha == 0
    frame.planes[0][hidden] = 16
    for plane in frame.planes[1:]:
        plane[half(frame.alpha) == 0] = 128
    return frame
