"""Shuts a mouth that is open, all the time like a smile or at times, so that it can open like others."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame, crop
from digital_human.core.landmarks import Indices
from digital_human.engines.exemplar import appearance, head_pose, lip_edges, lip_geometry, lip_shape
from digital_human.engines.exemplar.atlas import corner, crop_size
from digital_human.engines.exemplar.donor import lips
from digital_human.engines.exemplar.donor.atlas import Donor, pull

UPPER_SHARE = 0.4
"""Share of the gap that the upper lip closes."""
OUTER_SHARE = 0.9
"""Share of this motion in which the outer edges of the lips take part."""
DROPPED = 0.06
"""Aperture beyond which the jaw is raised too, inter-ocular distances."""
REACH = 0.8
"""Reach of the displacement fields, inter-ocular distances."""
OPENED, AJAR = 0.03, 0.01
"""Aperture beyond rest from which a frame of a shut mouth counts as open: the mesh's noise on shut lips is smaller; and
the same where the pixels show a gap."""
BESIDE = 0.15
"""Distance from the lips up to which skin lies beside them, inter-ocular distances."""
LEAST = 0.02
"""How far the lips' edges are outside those of the mesh then, inter-ocular distances: teeth may look like lips."""
GAP = 0.12
"""`appearance.seam_gap` beyond the usual one from which they do."""
SEEN = np.array([0.5, 0.7])
"""Half the height and width of the crop in which it is measured, inter-ocular distances."""


def gap_of(frame: Frame, points: Float32) -> float:
    """`appearance.seam_gap` of a frame. points: its landmarks [468, 3]"""
    unit = lip_geometry.interocular(points)[None]
    rows, columns = (int(v) for v in crop_size(SEEN * unit))
    x, y = (int(v) for v in corner(points[None], rows, columns)[0])
    local = points[None, :, :2] - np.array([x, y], np.float32)
    return float(appearance.seam_gap(crop(frame, x, y, columns, rows)[None], local, unit)[0])


def opened(aperture: Float32, gap: Float32, shut: float) -> npt.NDArray[np.bool_]:
    """Frames in which a mouth that is usually shut is open, and those beside them, bool [T].

    aperture, gap: of the frames [T], see `appearance.seam_gap`; NaN where there is no face
    shut:          aperture that the mesh sees in the shut mouth, inter-ocular distances
    """
    with np.errstate(invalid="ignore"):
        parted = gap - np.nanmedian(gap) > GAP
        apart = (aperture > shut + OPENED) | (parted & (aperture > shut + AJAR))
    return np.asarray(cv2.dilate(apart[:, None].astype(np.uint8), np.ones((3, 1), np.uint8))[:, 0] > 0)


def closed(points: Float32, donor: Donor, size: float) -> Float32:
    """Landmarks [n, 468, 3] with the lips shut: the jaw is raised as the donor's would be, the lips close the rest.

    size: width of this mouth relative to the donor's
    """
    opening = np.maximum(lip_geometry.aperture(points) - DROPPED, 0)
    change = size * donor.change(opening / size, np.zeros_like(opening))
    raised = lip_shape.follow(donor.reference)[:, None] * head_pose.fit(donor.reference, points).turn(change)
    out = points.copy()
    out[..., :2] -= raised[..., :2]
    upper, lower = out[:, mesh.UPPER_INNER, :2].copy(), out[:, mesh.LOWER_INNER, :2].copy()
    seam = (1 - UPPER_SHARE) * upper + UPPER_SHARE * lower
    out[:, mesh.UPPER_OUTER, :2] += OUTER_SHARE * (seam - upper)
    out[:, mesh.LOWER_OUTER, :2] += OUTER_SHARE * (seam - lower)
    down = lip_geometry.interocular(points)[:, None, None] * lips.axes(points)[1][:, None]
    out[:, mesh.UPPER_INNER, :2] = seam - lips.ABOVE * down
    out[:, mesh.LOWER_INNER, :2] = seam + lips.BELOW * down
    return out


def on_edges(regions: Sequence[Frame], points: Float32, origin: Indices, least: float) -> Float32:
    """Landmarks [n, 468, 3] with the lips' inner edges where the pixels show them. Arguments: see `close`.

    least: how far outside those of the mesh they are at least, inter-ocular distances
    """
    out = points.copy()
    local = points[..., :2] - origin[:, None].astype(np.float32)
    unit = lip_geometry.interocular(points).tolist()
    outside = [
        lip_edges.beyond_mesh(crop(region, 0, 0, region.width, region.height), seen, scale)
        for region, seen, scale in zip(regions, local, unit, strict=True)
    ]
    depth = np.maximum(np.stack(outside), least * lip_edges.TAPER)
    out[..., :2] += lip_edges.outwards(points[..., :2], depth)
    return out


def close(
    regions: Sequence[Frame], points: Float32, origin: Indices, control: Indices, donor: Donor, size: float
) -> tuple[list[Frame], Float32]:
    """Regions of n frames with the lips shut, and their landmarks, float32 [n, 468, 3], frame pixels.

    One smooth field cannot hide the teeth between the lips. So each lip is moved by its own field, and the two images
    meet on the seam.

    points:  landmarks of the frames [n, 468, 3], frame pixels
    origin:  top left corner of each region [n, 2], frame pixels
    control: vertices that carry the fields
    size:    see `closed`
    """
    target = closed(points, donor, size)
    lower_lip, upper_lip = (
        [*mesh.LOWER_INNER, *mesh.LOWER_OUTER],
        [*mesh.UPPER_INNER, *mesh.UPPER_OUTER],
    )
    control = control[~_beside_lips(donor.reference)[control]]
    above, below = (control[~np.isin(control, lip)] for lip in (lower_lip, upper_lip))
    out = [region.copy() for region in regions]
    for k, region in enumerate(out):
        here, there = (p[k, :, :2] - origin[k].astype(np.float32) for p in (points, target))
        reach = float(REACH * lip_geometry.interocular(points[k]))
        right, left = mesh.INNER_MOUTH_CORNERS
        middle = (there[mesh.UPPER_INNER] + there[mesh.LOWER_INNER]) / 2
        seam = np.concatenate([there[[right]], middle, there[[left]]])
        for plane, step in zip(region.planes, (1, 2, 2), strict=True):
            picture, at = plane.astype(np.float32), (there + 0.5) / step - 0.5
            upper, lower = (
                pull(picture, at[part], (here - there)[part] / step, reach / step) for part in (above, below)
            )
            x, y = (np.arange(n) * step + (step - 1) / 2 for n in reversed(plane.shape))
            share = np.clip((y[:, None] - np.interp(x, seam[:, 0], seam[:, 1])) / step + 0.5, 0, 1)
            plane[...] = np.clip(upper + share * (lower - upper) + 0.5, 0, 255).astype(np.uint8)
    return out, target


def _beside_lips(reference: Float32) -> npt.NDArray[np.bool_]:
    """Vertices of the skin close to the lips, bool [468]. An open mouth's lower lip lies over them, so that a field
    that took them from under it would fold, and draw the lip out to the chin.
    """
    away = np.linalg.norm(reference[:, None] - reference[mesh.OUTER_LIPS], axis=2).min(1)
    beside = away < BESIDE
    beside[mesh.LIPS] = False
    return np.asarray(beside, np.bool_)
