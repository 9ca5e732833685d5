"""Lips that are drawn approach the frame's own where those are about to take over, see `core.border`."""

from __future__ import annotations

import numpy as np

from digital_human.core.border import approach, shown_share
from digital_human.core.frame import Float32
from digital_human.core.landmarks import Indices
from digital_human.core.types import Template


def measure(template: Template, frames: Indices, aperture: Float32, width: Float32) -> Float32:
    """Of each template frame, float32 [T, 3]: how far lips approach the frame's own, and their aperture and width.

    frames: ascending, those whose aperture and width [n] are known; the others are interpolated
    """
    every = np.arange(template.frame_count)
    # Of a face whose chin is outside the picture, the mesh of one frame may be far off.
    curves = [np.interp(every, frames, _median_of_three(curve)) for curve in (aperture, width)]
    return np.stack([approach(shown_share(template)), *curves], 1).astype(np.float32)


def approached(own: Float32, aperture: Float32, width: Float32, frame_indices: Indices) -> tuple[Float32, Float32]:
    """Aperture and width to draw, float32 [N] each, nearer to those of the frames. own: see `measure`"""
    share, *lips = own[frame_indices].T
    there = [wanted + share * (seen - wanted) for wanted, seen in zip((aperture, width), lips, strict=True)]
    return there[0].astype(np.float32), there[1].astype(np.float32)


def _median_of_three(curve: Float32) -> Float32:
    """Along the only axis; the ends repeat."""
    padded = np.pad(curve, 1, "edge")
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)  # type: ignore[no-any-return]
