"""The planes of a decoded picture as arrays."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

Level = TypeVar("Level", np.uint8, np.uint16)


def plane_of(picture: VideoFrame, index: int, kind: type[Level]) -> npt.NDArray[Level]:
    """A view of one plane, [rows, columns]."""
    plane = picture.planes[index]
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)  # type: ignore[call-overload]
    return np.asarray(rows[:, : plane.width], kind)
