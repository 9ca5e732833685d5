"""How unfit frames are as exemplars: mouths askew, in a shape that speech does not have, caught halfway, or with the
tongue out.

The tolerances lie above what people who talk show in nineteen out of twenty frames, so a talker's own asymmetry or
haste costs nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32

SKEW, PULL, SHAPE, SPEED = (0.018, 0.006), (0.05, 0.02), (0.045, 0.02), (0.05, 0.02)
"""Tolerance of each measure, and the excess that counts as one. Inter-ocular distances; speed is per frame."""
FLESH = (0.65, 0.12)
"""The same for `lip_edges.flesh_between`, a share of the opening."""
OPEN = (0.15, 0.2)
"""Apertures from which on the share counts, and counts in full: in a small opening colours run together."""
ASIDE = (0.25, 0.1)
"""The same for `lip_edges.aside`, beyond what is usual for this person."""
PARTED = (0.05, 0.1)
"""Apertures from which on it counts, and counts in full."""
POSE_PRIOR = 0.5
"""Spread of the pose, tens of degrees, from which on asymmetry is believed to follow it. People who hold their head
still move it a little while they pull a corner up, but that is no pose in which every mouth looks crooked."""
TEETH = (0.2, 0.12)
"""The same for teeth between the lips, `lip_edges.between`, beyond what is usual for this person at this opening."""
WIDE = (0.1, 0.2)
"""Apertures from which on they count, and count in full: a wide opening shows the dark between the rows of teeth."""
BLUR = (0.15, 0.12)
"""The same for `Atlas.blur`."""
PULLED = 0.45
"""Share of the open mouths with a flaw of shape from which on a template pulls faces: among talkers 0.3 at most."""
CALM, FLESHY, UNSTEADY, ASYMMETRIC = 0.22, 0.6, 0.06, 0.45
"""Of a template that pulls faces, the widest aperture, the largest share of flesh in an opening, the largest change of
aperture for one frame alone, and the largest difference from the mirror image at which a mouth may still serve."""
WORST = 4.0
"""Excess from which on a frame does not get worse."""
SOUND = 1.0
"""Flaw below which a frame counts as sound."""
ROUNDS = 5
"""Rounds of the robust fit."""


def grimaces(shapes: Float32, angles: Float32, opening: Float32, width: Float32) -> Float32:
    """Flaw of each frame, float32 [n], for the shape of its lips: 0 for a sound one; squared excesses, like costs.

    shapes: canonical [n, V, 3]; angles: see `head_pose.angles`; opening, width: [n]
    """
    skew, pull = asymmetry(shapes, angles)
    return _excess(skew, SKEW) + _excess(pull, PULL) + _excess(shape_error(shapes, opening, width), SHAPE)


def haste(speed: Float32) -> Float32:
    """Flaw of each frame, float32 [n], for its motion, which blurs it. speed: change of opening per frame [n]"""
    return _excess(np.abs(speed), SPEED)


def tongue(flesh: Float32, opening: Float32) -> Float32:
    """Flaw of each frame, float32 [n], for a tongue that covers the lower lip, or lips that are drawn in.

    flesh: `lip_edges.flesh_between` [n]
    """
    low, high = OPEN
    return _excess(flesh, FLESH) * np.clip((opening - low) / (high - low), 0, 1).astype(np.float32)


def clenched(teeth: Float32, opening: Float32) -> Float32:
    """Flaw of each frame, float32 [n], for teeth that fill a wide opening. teeth: share, see `lip_edges.between` [n]"""
    low, high = WIDE
    design = np.stack([np.ones_like(opening), opening, opening**2], 1)
    unusual = _robust_residual(design, teeth[:, None])[:, 0]
    return _excess(unusual, TEETH) * np.clip((opening - low) / (high - low), 0, 1).astype(np.float32)


def blurred(blur: Float32) -> Float32:
    """Flaw of each frame, float32 [n], for its blur, which would come and go. blur: see `Atlas` [n]"""
    return _excess(blur, BLUR)


def pulls_faces(flaw: Float32, opening: Float32) -> bool:
    """Whether many open mouths have a flaw of shape. flaw: see `grimaces` [n]; opening: [n]"""
    parted = opening > np.percentile(opening, 3) + PARTED[0]
    return bool(parted.any() and (flaw[parted] > SOUND).mean() > PULLED)


def calm(
    flaw: Float32, tongue: Float32, asymmetry: Float32, opening: Float32, everywhere: Float32
) -> npt.NDArray[np.bool_]:
    """Which mouths of a template that pulls faces may serve, bool [n].

    tongue:     share of flesh, see `lip_edges.between` [n]
    asymmetry:  see `appearance.asymmetry` [n]
    opening:    [n]; everywhere: with the frames before and after each, [n, 3]
    """
    steady = np.abs(opening - np.median(everywhere, axis=1)) < UNSTEADY
    fleshy = (tongue > FLESHY) & (opening > PARTED[0])
    straight = asymmetry < ASYMMETRIC
    return np.asarray((flaw < SOUND) & straight & steady & ~fleshy & (opening < CALM))


def lopsided(aside: Float32, opening: Float32, angles: Float32) -> Float32:
    """Flaw of each frame, float32 [n], for lips that part on one side. aside: `lip_edges.aside` [n]"""
    low, high = PARTED
    parted = np.clip((opening - low) / (high - low), 0, 1).astype(np.float32)
    if not parted.any():
        return parted
    some = parted > 0
    unusual = np.zeros_like(parted)
    unusual[some] = np.abs(_robust_residual(_pose(angles[some]), aside[some, None], POSE_PRIOR)[:, 0])
    return np.asarray(parted * _excess(unusual, ASIDE), np.float32)


def _pose(angles: Float32) -> Float32:
    """Design of what goes with the pose, float32 [n, 3]. angles: degrees [n, 3]"""
    design = np.stack([np.ones(len(angles)), angles[:, 1] / 10, angles[:, 2] / 10], 1)
    return np.asarray(design, np.float32)


def _excess(measure: Float32, limit: tuple[float, float]) -> Float32:
    tolerance, scale = limit
    return np.square(np.clip((measure - tolerance) / scale, 0, WORST)).astype(np.float32)


def asymmetry(shapes: Float32, angles: Float32) -> tuple[Float32, Float32]:
    """How far the lips are from their mirror image, and from the middle of the face, float32 [n] each.

    Relative to what is usual for this person, and, of somebody who turns their head, in this pose: of a turned head the
    mesh sees one half better.
    """
    lips = shapes[:, mesh.LIPS, :2]
    difference = lips - shapes[:, mesh.MIRRORED_LIPS, :2] * np.array([-1, 1], np.float32)
    unusual = _robust_residual(_pose(angles), difference.reshape(len(lips), -1), POSE_PRIOR).reshape(difference.shape)
    pull = unusual[..., 0].mean(1)
    unusual[..., 0] -= pull[:, None]
    return np.sqrt((unusual**2).sum(2).mean(1)), np.abs(pull)


def shape_error(shapes: Float32, opening: Float32, width: Float32) -> Float32:
    """How far the lips are from what is usual at this opening and width, float32 [n]: root mean square."""
    lips = shapes[:, mesh.LIPS, :2]
    design = np.stack([np.ones_like(opening), opening, width, opening**2, opening * width], 1)
    residual = _robust_residual(design, lips.reshape(len(lips), -1)).reshape(lips.shape)
    return np.sqrt((residual**2).sum(2).mean(1))  # type: ignore[no-any-return]


def _robust_residual(design: Float32, values: Float32, prior: float = 0.0) -> Float32:
    """What a linear fit of values [n, K] to design [n, D] leaves, float32 [n, K].

    Iteratively reweighted: grimaces must not make grimaces usual.

    prior: spread of all columns but the first at which half of what they seem to explain is believed
    """
    weight, residual = np.ones(len(design), np.float32), values
    ridge = 1e-4 * np.eye(design.shape[1], dtype=np.float32)
    doubt = prior**2 * np.diag(np.minimum(np.arange(design.shape[1]), 1)).astype(np.float32)
    for _ in range(ROUNDS):
        weighted = design * weight[:, None]
        believed = weighted.T @ design + ridge + weight.sum() * doubt
        residual = values - design @ np.linalg.solve(believed, weighted.T @ values)
        error = np.linalg.norm(residual, axis=1)
        weight = 1 / (1 + (error / (np.median(error) + 1e-6)) ** 2)
    return residual.astype(np.float32)
