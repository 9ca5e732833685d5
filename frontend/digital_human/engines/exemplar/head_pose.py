"""Head pose, and the shape of a face without it.

A pose is a similarity transform from the person's mean face to a frame, fitted to the vertices that speech does not
move: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32
from digital_human.core.landmarks import Indices
from digital_human.core.smoothing import average
from digital_human.core.types import FaceTrack
from digital_human.engines.exemplar.lip_geometry import interocular


@dataclass(frozen=True)
class Pose:
    """frame = scale * shape @ rotation.T + translation, for T frames at once.

    scale [T], rotation [T, 3, 3], translation [T, 3]; float32, pixels
    """

    scale: Float32
    rotation: Float32
    translation: Float32

    def to_shape(self, landmarks: Float32) -> Float32:
        """Frame pixels [T, V, 3] -> canonical shape [T, V, 3]."""
        return (landmarks - self.translation[:, None]) @ self.rotation / self.scale[:, None, None]

    def turn(self, difference: Float32) -> Float32:
        """A difference of canonical shapes [T, V, 3] -> displacement in frame pixels [T, V, 3]."""
        return difference @ self.rotation.transpose(0, 2, 1) * self.scale[:, None, None]


def fit(reference: Float32, landmarks: Float32) -> Pose:
    """Pose of a canonical face `reference` [468, 3] in each frame of `landmarks` [T, 468, 3], pixels."""
    source, target = reference[mesh.STABLE], landmarks[:, mesh.STABLE]
    from_mean, to_mean = source.mean(0), target.mean(1)
    a, b = source - from_mean, target - to_mean[:, None]
    u, s, vt = np.linalg.svd(b.transpose(0, 2, 1) @ a)
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (s * sign).sum(1) / (a**2).sum()
    translation = to_mean - scale[:, None] * (rotation @ from_mean)
    return Pose(*(x.astype(np.float32) for x in (scale, rotation, translation)))


def canonical_face(landmarks: Float32, rounds: int = 3) -> Float32:
    """Mean face, float32 [468, 3], of the aligned frames [T, 468, 3]; inter-ocular distances, origin under the nose."""
    reference = landmarks[0] / interocular(landmarks[0])
    for _ in range(rounds):
        reference = fit(reference, landmarks).to_shape(landmarks).mean(0)
        reference = (reference - reference[mesh.SUBNASALE]) / interocular(reference)
    return reference.astype(np.float32)  # type: ignore[no-any-return]


def angles(pose: Pose) -> Float32:
    """Pitch, yaw and roll relative to the mean pose, degrees, float32 [T, 3]."""
    u, _, vt = np.linalg.svd(pose.rotation.mean(0))
    relative = pose.rotation @ (u @ vt).T
    vectors = [cv2.Rodrigues(r.astype(np.float64))[0][:, 0] for r in relative]
    return np.degrees(np.array(vectors)).astype(np.float32)  # type: ignore[no-any-return]


def steady(track: FaceTrack, frames: Indices) -> Float32:
    """Landmarks of some frames, float32 [n, 468, 3], smoothed over the neighbours that show the face.

    A track is smoothed with these weights when it is made (`tracking.tracker`), so this is the second
    time. Stored atlases hold measures of landmarks smoothed twice; smoothing once would change what is drawn.
    """
    last = len(track.landmarks) - 1
    neighbours = []
    for step in (-1, 1):
        other = np.clip(frames + step, 0, last)
        other = np.where(track.present[other] & track.continues(frames, other), other, frames)
        neighbours.append(track.landmarks[other])
    return average(track.landmarks[frames], *neighbours)


def as_seen(track: FaceTrack, frames: Indices) -> Float32:
    """`steady` landmarks, float32 [n, 468, 3], with the lips of each frame alone.

    Smoothing puts the lips of a frame in fast motion beside those that its pixels show. Its inverse, to first order,
    puts them back: 2 - s is close to 1 / s for weights s near 1, and never strengthens noise.
    """
    out = steady(track, frames)
    out[:, mesh.LIPS] = 2 * track.landmarks[frames][:, mesh.LIPS] - out[:, mesh.LIPS]
    return out
