"""The gap between the drawn lips, through which the inside of the mouth shows."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frame import Float32, Uint8
from digital_human.engines.exemplar import renderer_inputs
from digital_human.engines.exemplar.donor.atlas import inside

SUPERSAMPLE, SHARP = 4, 0.3
"""How finely it is drawn, and the blur, pixels, below which that is enough."""
FADED_IN = 0.02
"""Opening from which the inside is fully opaque, inter-ocular distances."""


def mask(target: Float32, edge: float, opening: float, rows: int, columns: int) -> Uint8:
    """Opacity of the inside of the mouth, uint8 I420 [rows * 3 / 2, columns].

    target: the inner lips [20, 2]; edge: blur of its edge, pixels
    """
    curve = (_curve(target) + 0.5) * SUPERSAMPLE - 0.5
    fine = inside(curve, rows * SUPERSAMPLE, columns * SUPERSAMPLE)
    shown = cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA)
    blurred = (cv2.GaussianBlur(shown, (0, 0), edge) if edge > SHARP else shown).astype(np.float32)
    return renderer_inputs.opacity(np.rint(blurred * min(1.0, opening / FADED_IN)).astype(np.uint8))


def _curve(contour: Float32) -> Float32:
    """Smooth curve through the inner lips with sharp corners, float32 [n, 2]: a Catmull-Rom spline along each lip."""
    t = np.linspace(0, 1, 8, endpoint=False, dtype=np.float32)[:, None]
    basis = np.concatenate([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], 1) / 2
    parts = []
    for lip in (contour[:11], np.concatenate([contour[10:], contour[:1]])):
        padded = np.concatenate([2 * lip[:1] - lip[1:2], lip, 2 * lip[-1:] - lip[-2:-1]])
        parts += [basis @ padded[k : k + 4] for k in range(len(lip) - 1)]
    return np.concatenate(parts).astype(np.float32)  # type: ignore[no-any-return]
