"""What a video shows of a mouth, measured with the face mesh: the ruler of `benchmarks.lipsync_quality`.

Lips are read frame by frame: smoothed over time, a /p/ of one frame would never be seen to shut.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import dlib_metrics
from digital_human.core import landmarks as mesh
from digital_human.core.frame import Frame
from digital_human.core.types import Models
from digital_human.engines.exemplar import head_pose, lip_geometry
from digital_human.media import VideoReader
from digital_human.tracking.landmarker import predict_landmarks, regions_of_landmarks
from digital_human.tracking.tracker import smooth, track_face

Curve = npt.NDArray[np.float64]

JAW = np.array([172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397])
NOSE = np.array([1, 2, 4, 5, 98, 327, 168, 6])
CHEEKS = np.array([50, 101, 118, 280, 330, 347])


@dataclass(frozen=True)
class Seen:
    """Of T frames: aperture and width in inter-ocular distances; second, the aperture by another landmark model, where
    that is installed; sharpness of the mouth (variance of the Laplacian); change [T-1], mean absolute change of luma
    about the mouth from one frame to the next, the head's motion removed; jitter, high-pass energy of (jaw, nose,
    cheeks) in inter-ocular distances; points, the mesh [T, 468, 3]; box, the lower face in all frames as x, y, width
    and height."""

    aperture: Curve
    width: Curve
    second: Curve | None
    sharpness: Curve
    change: Curve
    jitter: Curve
    points: npt.NDArray[np.float32]
    fps: float
    box: tuple[int, int, int, int]


def measure(path: Path, models: Models) -> Seen:
    reader = VideoReader(path)
    return see(list(reader.frames()), models, float(reader.info.fps))


def see(frames: list[Frame], models: Models, fps: float) -> Seen:
    track = track_face(frames, models)
    raw, _ = predict_landmarks(frames, regions_of_landmarks(track.landmarks), models, views=3)
    points = smooth(raw, track.present)
    unit = lip_geometry.interocular(points)
    size = max(int(float(np.median(unit)) * 0.95) // 2 * 2, 16)
    patches = [patch(frame, p, u, size) for frame, p, u in zip(frames, points, unit, strict=True)]
    laplacian = [float(cv2.Laplacian(p.astype(np.float32), cv2.CV_32F).var()) for p in patches]
    still = [cv2.GaussianBlur(p.astype(np.float32), (0, 0), 0.8) for p in patches]
    change = [float(np.abs(a - b).mean()) for a, b in pairwise(still)]
    reference = head_pose.canonical_face(points)
    shapes = head_pose.fit(reference, points).to_shape(points)
    return Seen(
        lip_geometry.aperture(raw).astype(float),
        lip_geometry.width(raw).astype(float),
        dlib_metrics.apertures(frames, raw),
        np.array(laplacian),
        np.array(change),
        np.array([_high_pass(shapes[:, part, :2]) for part in (JAW, NOSE, CHEEKS)]),
        raw,
        fps,
        _lower_face(points, frames[0]),
    )


def _lower_face(points: npt.NDArray[np.float32], frame: Frame) -> tuple[int, int, int, int]:
    """The rectangle from the nose to below the chin that holds the mouth in every frame."""
    part = points[:, [*NOSE, *JAW], :2]
    centre, half = (part.max((0, 1)) + part.min((0, 1))) / 2, np.ptp(part, axis=(0, 1)).max() * 0.55
    low = np.maximum(centre - half, 0).astype(int) // 2 * 2
    high = np.minimum(centre + half, (frame.width, frame.height)).astype(int) // 2 * 2
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def place(points: npt.NDArray[np.float32], unit: float, size: int) -> npt.NDArray[np.float64]:
    """Affine matrix [2, 3] from the picture to a patch about the mouth, the head held level and in place."""
    eyes = points[mesh.LEFT_EYE, :2].mean(0) - points[mesh.RIGHT_EYE, :2].mean(0)
    angle = float(np.degrees(np.arctan2(eyes[1], eyes[0])))
    # The place under the nose moves with the head, not with the lips.
    anchor = points[[2, 98, 327], :2].mean(0)
    down = np.array([-eyes[1], eyes[0]]) / np.linalg.norm(eyes)
    centre = anchor + down * unit * 0.42
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), angle, 1.0)
    placed = np.asarray(matrix, np.float64)
    placed[:, 2] += size / 2 - centre
    return placed


def patch(frame: Frame, points: npt.NDArray[np.float32], unit: float, size: int) -> npt.NDArray[np.uint8]:
    """Luma about the mouth at the video's own resolution, see `place`, [size, size]."""
    matrix, flags = place(points, unit, size), cv2.INTER_CUBIC
    return cv2.warpAffine(frame.planes[0], matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _high_pass(points: npt.NDArray[np.float32]) -> float:
    """Root mean square of the second difference in time of points [T, V, 2]."""
    second = points[2:] - 2 * points[1:-1] + points[:-2]
    return float(np.sqrt((second**2).mean()))


def correlation(first: Curve, second: Curve, lag: int = 0, rim: int = 6) -> float:
    """Pearson's r of first[t + lag] and second[t], the rims left out; 0 where one of them does not move."""
    count = min(len(first), len(second))
    at = np.arange(max(rim, rim - lag), min(count - rim, count - rim - lag))
    a, b = first[at + lag], second[at]
    return float(np.corrcoef(a, b)[0, 1]) if len(at) > 8 and a.std() > 1e-9 and b.std() > 1e-9 else 0.0


def resample(curve: Curve, fps: float, count: int, to_fps: float) -> Curve:
    """The curve at the instants of another frame rate."""
    at = (np.arange(count) + 0.5) / to_fps
    return np.interp(at, (np.arange(len(curve)) + 0.5) / fps, curve)


def flicker(output: Seen, template: Seen) -> float:
    """Change of the mouth from frame to frame over what the template shows for the same change of aperture."""
    move = np.abs(np.diff(template.aperture))
    slope, offset = np.polyfit(move, template.change, 1)
    expected = np.maximum(offset, 1e-3) + max(slope, 0) * np.abs(np.diff(output.aperture))
    return float(output.change.mean() / expected.mean())
