"""The light on a face and the sharpness of its image, to which a donor's mouth is fitted.

Measured on thirteen clips of 512 to 1280 lines: the brightest teeth are 1.75 times as bright as the whites of the eyes
(standard deviation 0.08) and 1.35 times as bright as the skin about the mouth (0.25); their tint is half that of the
eye whites. Ratios of skin colour alone would turn teeth purple.
"""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.engines.exemplar import lip_geometry
from digital_human.engines.exemplar.donor.atlas import Donor

TEETH_TO_WHITES, TEETH_TO_SKIN, WHITES_SHARE = 1.75, 1.35, 0.75
"""Brightness of the brightest teeth relative to either reference, and the weight of the eye whites against the skin."""
TINT_SHARE, DIMMED, BRIGHTEST = 0.5, 0.93, 245.0
OWN_BRIGHTEST = 75.0
"""Percentile from which on the inside of a parted mouth counts as its brightest teeth."""
GREY, COLOURED = 0.04, 0.1
"""Range of red, green and blue over their mean, usual in the lower face, up to which it is grey, and from which on it
is in colour: in 77 photographs and clips it is 0.28 or more, in paintings 0.14, in black and white 0."""
FINE, COARSE = 0.012, 0.08
"""Blurs between which detail counts as fine, inter-ocular distances."""


def teeth_colour(image: Uint8, points: Float32) -> Float32:
    """RGB of the brightest teeth in this light, [3].

    image: uint8 [H, W, 3] RGB; points: float32 [468, 2], its pixels
    """
    unit = float(lip_geometry.interocular(points))
    soft = cv2.GaussianBlur(image, (0, 0), max(0.02 * unit, 0.6)).astype(np.float32)
    height, width = image.shape[:2]
    at = np.rint(points[mesh.LOWER_FACE_SKIN]).astype(np.int64).clip(0, [width - 1, height - 1])
    skin = np.median(soft[at[:, 1], at[:, 0]], axis=0)

    eyes = np.zeros((height, width), np.uint8)
    for lids in mesh.EYELIDS:
        cv2.fillConvexPoly(eyes, np.rint(points[lids]).astype(np.int32), (1,))
    pixels = soft[eyes > 0]
    light = pixels.mean(1)
    low, high = np.percentile(light, [60, 92])  # Neither iris and lashes nor glints.
    whites = pixels[(light >= low) & (light <= high)].mean(0)

    level = (TEETH_TO_WHITES * whites.mean()) ** WHITES_SHARE * (TEETH_TO_SKIN * skin.mean()) ** (1 - WHITES_SHARE)
    tint = (whites / whites.mean()) ** TINT_SHARE
    return (min(DIMMED * level, BRIGHTEST) * tint / tint.mean()).astype(np.float32)  # type: ignore[no-any-return]


def colourfulness(image: Uint8, points: Float32) -> float:
    """0 of a face in black and white, 1 of any in colour. Arguments: see `teeth_colour`."""
    at = points[np.concatenate([mesh.LOWER_FACE_SKIN, mesh.OUTER_LIPS])]
    x, y = np.rint(at).astype(np.int64).clip(0, [image.shape[1] - 1, image.shape[0] - 1]).T
    pixels = image[y, x].astype(np.float32)
    chroma = np.median(np.ptp(pixels, axis=1) / np.maximum(pixels.mean(1), 1))
    return float(np.clip((chroma - GREY) / (COLOURED - GREY), 0, 1))


def own_teeth(image: Uint8, points: Float32) -> Float32:
    """RGB of the brightest teeth that a parted mouth shows itself, [3]. Arguments: see `teeth_colour`."""
    mouth = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mouth, [np.rint(points[mesh.INNER_LIPS]).astype(np.int32)], (1,))
    pixels = image[mouth > 0].astype(np.float32)
    light = pixels.mean(1)
    return pixels[light >= np.percentile(light, OWN_BRIGHTEST)].mean(0)  # type: ignore[no-any-return]


def softness(image: Uint8, points: Float32, donor: Donor) -> float:
    """Gaussian blur that makes the donor as soft as this image, inter-ocular distances; 0 if it is softer already.

    They are compared around the eyes, where every face has edges. Arguments: see `teeth_colour`.
    """
    unit = float(lip_geometry.interocular(points))
    lids = points[np.concatenate(mesh.EYELIDS)]
    x0, y0 = np.maximum(lids.min(0) - 0.2 * unit, 0).astype(int)
    x1, y1 = (lids.max(0) + 0.2 * unit).astype(int)
    grey = image[y0:y1, x0:x1].mean(2).astype(np.float32)
    fine, coarse = (np.abs(grey - cv2.GaussianBlur(grey, (0, 0), s * unit)).mean() for s in (FINE, COARSE))
    return float(np.interp(-fine / (coarse + 1e-6), -donor.crispness, donor.blurs))
