"""The landmarks to draw: the shape of an exemplar, adjusted to the wanted opening, in the pose of the frame's head."""

from __future__ import annotations

import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32
from digital_human.core.landmarks import Indices
from digital_human.core.smoothing import smoothstep
from digital_human.core.types import FaceTrack
from digital_human.engines.exemplar import head_pose, lip_geometry
from digital_human.engines.exemplar.atlas import Atlas

UPPER_SHARE = 0.25
"""Share of an opening that the upper lip contributes."""
OPENED_BY_WARP = 0.5
"""Share of the opening beyond the exemplar's that is left out: lips that a warp opens look, and track, too wide."""
CARRIED = 0.08
"""Skin is carried along by lip vertices that are about this much farther than the nearest, inter-ocular distances."""
BESIDE, LOOSE = 0.1, 0.35
"""Distances from the lips up to which the face takes the exemplar's shape, and from which on it does not at all,
inter-ocular distances."""
STEEPEST = 0.4
"""Where the lips move far from where the jaw is, that distance grows with the way: skin that had to give way faster
would fold, and the lip before it would be drawn out."""


def follow(reference: Float32) -> Float32:
    """How far each vertex follows the drawn shape, float32 [V]: 1 at lips and chin, 0 at the nose and near the ears."""
    down = reference[:, 1] / reference[mesh.UPPER_LIP, 1]
    aside = reference[:, 0] - reference[mesh.MOUTH_CORNERS, 0].mean()
    share = np.clip(down, 0, 1) * np.exp(-((np.abs(aside) / 0.95) ** 4))
    share[mesh.LIPS] = 1
    return share.astype(np.float32)  # type: ignore[no-any-return]


def _near_lips(reference: Float32, reach: Float32) -> Float32:
    """How far each vertex belongs to the lips, float32 [n, V]: 1 on and beside them, falling to 0 at a reach [n]."""
    away = np.linalg.norm(reference[:, None] - reference[mesh.OUTER_LIPS], axis=2).min(1)
    share = smoothstep((reach[:, None] - away) / (reach[:, None] - BESIDE))
    share[:, mesh.LIPS] = 1
    return share.astype(np.float32)


def _carried(reference: Float32) -> Float32:
    """Weights with which vertices follow shifts of the outer lips, float32 [V, 20]; 0 for the lips themselves."""
    away = np.linalg.norm(reference[:, None] - reference[mesh.OUTER_LIPS], axis=2)
    weights = np.exp(-0.5 * ((away - away.min(1, keepdims=True)) / CARRIED) ** 2)
    share = follow(reference) / weights.sum(1)
    share[mesh.LIPS] = 0
    return (share[:, None] * weights).astype(np.float32)  # type: ignore[no-any-return]


def target_landmarks(
    atlas: Atlas,
    track: FaceTrack,
    frame_indices: Indices,
    around: Indices,
    aperture: Float32,
    width: Float32,
    jaw_curve: Float32,
) -> tuple[Float32, Float32]:
    """Landmarks of the frames as they are, float32 [n, V, 3], and as they are to be drawn, [n, V, 2], frame pixels.

    frame_indices:   template frames [n]
    around:          exemplars of the previous, this and the next output frame [n, 3]
    aperture, width: wanted [n], inter-ocular distances; the result has exactly these
    jaw_curve:       aperture and width that jaw and cheeks follow [n, 2], see `lip_geometry.jaw_curve`

    The lips take the shape of the exemplar. The face around them moves only by the difference between its lips and the
    new ones. So it keeps its own motion, and shows neither the noise of landmarks nor jumps between exemplars.
    """
    reference = atlas.reference
    here = head_pose.steady(track, frame_indices)
    poses = head_pose.fit(reference, here)
    shape = poses.to_shape(here)

    frames = atlas.exemplar_frame[around]
    exemplars = head_pose.as_seen(track, frames.ravel())
    shapes = head_pose.fit(reference, exemplars).to_shape(exemplars).reshape(*around.shape, mesh.VERTICES, 3)
    weights = np.array([0.25, 0.5, 0.25], np.float32)
    mixed = np.einsum("k,nkvc->nvc", weights, shapes)
    shown = np.stack([(atlas.aperture + atlas.aperture_bias)[around] @ weights, atlas.width[around] @ weights])
    nudge = np.maximum(aperture - atlas.aperture[around[:, 1]], 0)
    opening = aperture + atlas.aperture_bias[around[:, 1]] - OPENED_BY_WARP * nudge
    regression = atlas.regression
    mixed = mixed + np.einsum("kn,kvc->nvc", np.stack([opening, width]) - shown, regression[1:])

    by_jaw = np.einsum("nk,kvc->nvc", jaw_curve - atlas.jaw_curve[frame_indices], regression[1:])
    by_lips = mixed - shape
    apart = np.linalg.norm((by_lips - by_jaw)[:, mesh.OUTER_LIPS], axis=2).max(1)
    near = _near_lips(reference, np.maximum(LOOSE, apart / STEEPEST))[..., None]
    change = near * by_lips + (1 - near) * by_jaw
    moved = (here + follow(reference)[:, None] * poses.turn(change.astype(np.float32)))[..., :2]
    exact = _exact(moved, here, opening, width)
    shift = exact[:, mesh.OUTER_LIPS] - moved[:, mesh.OUTER_LIPS]
    return here, exact + near * np.einsum("vk,nkc->nvc", _carried(reference), shift)


def _exact(points: Float32, here: Float32, aperture: Float32, width: Float32) -> Float32:
    """Points [n, V, 2] with the lips stretched and opened to exactly this aperture and width [n]."""
    points = points.copy()
    unit = lip_geometry.interocular(here)[:, None, None]
    along = here[:, mesh.LEFT_EYE, :2].mean(1) - here[:, mesh.RIGHT_EYE, :2].mean(1)
    along = (along / np.linalg.norm(along, axis=1, keepdims=True))[:, None]
    down = np.stack([-along[..., 1], along[..., 0]], 2)

    span = points[:, mesh.MOUTH_CORNERS]
    got = np.linalg.norm(span[:, 1] - span[:, 0], axis=1)[:, None, None] / unit
    aside = ((points[:, mesh.LIPS] - span.mean(1, keepdims=True)) * along).sum(2, keepdims=True)
    points[:, mesh.LIPS] += aside * along * (width[:, None, None] / got - 1)

    right, left = (points[:, corner][:, None] for corner in mesh.INNER_MOUTH_CORNERS)
    gap = ((points[:, mesh.LOWER_LIP_EDGE] - points[:, mesh.UPPER_LIP_EDGE])[:, None] * down).sum(2, keepdims=True)
    missing = aperture[:, None, None] * unit - gap
    for inner, outer, share in (
        (mesh.UPPER_INNER, mesh.UPPER_OUTER, -UPPER_SHARE),
        (mesh.LOWER_INNER, mesh.LOWER_OUTER, 1 - UPPER_SHARE),
    ):
        x = ((points[:, inner] - right) * (left - right)).sum(2, keepdims=True)
        x = np.clip(x / ((left - right) ** 2).sum(2, keepdims=True), 0, 1)
        shift = share * missing * (4 * x * (1 - x)) ** 0.6 * down
        points[:, inner] += shift
        points[:, outer] += shift
    return points
