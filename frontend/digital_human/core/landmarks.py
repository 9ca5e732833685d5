"""Vertices of the 468-point face mesh, by name.

"Right" and "left" are the person's own. Each constant indexes the second axis from the end of landmarks
[..., 468, 2 or 3].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

VERTICES = 468

OUTER_LIPS: Indices = np.array(
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
)
INNER_LIPS: Indices = np.array(
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191]
)
"""Contours of the lips, from the right corner along the lower lip and back along the upper one."""
LIPS: Indices = np.concatenate([OUTER_LIPS, INNER_LIPS])
MIRRORED_LIPS: Indices = np.concatenate([np.roll(contour[::-1], 11) for contour in (OUTER_LIPS, INNER_LIPS)])
"""The vertex on the other side of the face for each of `LIPS`."""
LOWER_CONTOUR = slice(1, 10)
"""The part of either contour that belongs to the lower lip, without the corners."""

UPPER_INNER: Indices = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
LOWER_INNER: Indices = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
UPPER_OUTER: Indices = np.array([185, 40, 39, 37, 0, 267, 269, 270, 409])
LOWER_OUTER: Indices = np.array([146, 91, 181, 84, 17, 314, 405, 321, 375])
"""Edges of each lip without the corners, from right to left. The k-th vertices of all four lie in one column."""
MOUTH_CORNERS: Indices = np.array([61, 291])
INNER_MOUTH_CORNERS: Indices = np.array([78, 308])
UPPER_LIP_EDGE, LOWER_LIP_EDGE = 13, 14
"""Middle of the inner edge of each lip: the mouth's opening is their distance."""
UPPER_LIP = 0
"""Middle of the upper lip's outer edge."""

RIGHT_EYE: Indices = np.array([33, 133])
LEFT_EYE: Indices = np.array([362, 263])
"""Corners of the eyes, from right to left."""
RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
RIGHT_EAR, LEFT_EAR = 234, 454
"""The face's outline before the ears."""
EYELIDS: tuple[Indices, Indices] = (
    np.array([33, 160, 158, 133, 153, 144]),
    np.array([263, 387, 385, 362, 380, 373]),
)
"""Outlines of the openings of the right and the left eye."""

NOSE_TIP, SUBNASALE, NOSE_BRIDGE, CHIN = 5, 2, 168, 152
STABLE: Indices = np.array(
    [33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 48, 278, 10, 151, 9, 8, 67, 297, 109, 338, 127, 356, 234, 454]
)
"""Eyes, nose, forehead and temples, which speech does not move."""
JAW: Indices = np.array([132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361])
"""Edge of the jaw, from the right ear over the chin to the left ear."""
CHEEKS: Indices = np.array([205, 425, SUBNASALE])
"""With the jaw, the outline of the lower face: both cheeks and the point under the nose."""
MOUTH_SKIN: Indices = np.array([18, 200, 199, 208, 428, 206, 426, 164])
"""Skin close to the mouth."""
LOWER_FACE_SKIN: Indices = np.array(
    [206, 426, 216, 436, 202, 422, 200, 199, 18, 164, 167, 393, 92, 322, 205, 425, 50, 280]
)
"""Skin of the lower face: cheeks, chin and upper lip."""

SMOOTHING, LIP_SMOOTHING = 0.2, 0.1
"""Weight of each neighbouring frame when landmarks are smoothed over time. Lips get less: they close within a frame."""
