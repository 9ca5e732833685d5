"""Wav2Lip: the published network, 96x96, with weights that users bring.

K. R. Prajwal, R. Mukhopadhyay, V. P. Namboodiri, C. V. Jawahar, "A lip sync expert is all you need for speech to lip
generation in the wild", ACM Multimedia 2020. Box, padding, smoothing and mel windows are those of the published
inference. The paste is not: instead of a hard rectangle, only the lower face is blended in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame, Uint8, crop, paste, rgb_to_yuv, warp_rgb
from digital_human.core.landmarks import Indices
from digital_human.core.smoothing import smoothstep
from digital_human.core.types import Arrays, FaceTrack, Models, Template
from digital_human.engines.base import Plan
from digital_human.engines.wav2lip.mel import LARGEST, STEPS_PER_SECOND, mel_spectrogram
from digital_human.errors import NoFaceError

SIZE = 96
MEL_STEPS = 16
BELOW = 10
"""Pixels added under the chin, the published padding (0, 10, 0, 0)."""
SMOOTHED = 5
"""Frames over which boxes are averaged."""
CHIN, FEATHER = 0.08, 0.22
"""How far the mask reaches under the jaw, which may drop, and the width of its soft edge, inter-ocular distances."""
MOST_SHARPENING = 2.0


@dataclass
class Wav2LipEngine:
    """sharpen: amplify the fine detail of the face until it is as strong as that of the template around it"""

    name: str = "wav2lip"
    sharpen: bool = False
    version: str = "1"
    models: tuple[str, ...] = ("wav2lip",)
    resolution: int | None = SIZE
    licence: str = "that of the weights installed; the authors' own are for research and personal use only"
    install: str = "python -m export wav2lip --checkpoint wav2lip_gan.pth"
    has_strength: bool = False

    def analyse(self, template: Template, models: Models) -> Arrays:
        """boxes  int64 [T, 4], left, top, right, bottom, frame pixels; meaningless where no face is present"""
        return {"boxes": face_boxes(template.track, template.width, template.height)}

    def plan(
        self,
        template: Template,
        analysis: Arrays,
        audio: Float32,
        frame_indices: Indices,
        models: Models,
        strength: float = 1.0,
    ) -> Plan:
        """The arrays of the plan, and its timeline `mel`, float32 [steps, 80]:

        pose   int64 [N], template frame
        start  int64 [N], first step of the mel window
        """
        mel = mel_spectrogram(audio)
        missing = max(MEL_STEPS - len(mel), 0)
        mel = np.pad(mel, ((0, missing), (0, 0)), constant_values=-LARGEST)
        fps = template.fps
        start = np.arange(len(frame_indices)) * STEPS_PER_SECOND * fps.denominator // fps.numerator
        return Plan({"pose": frame_indices, "start": np.minimum(start, len(mel) - MEL_STEPS)}, {"mel": mel})

    def render(
        self, template: Template, analysis: Arrays, plan: Plan, frames: Sequence[Frame], models: Models
    ) -> list[Frame]:
        pose = np.asarray(plan.arrays["pose"], np.int64)
        boxes = np.asarray(analysis["boxes"], np.int64)[pose]
        steps = np.asarray(plan.arrays["start"], np.int64)[:, None] + np.arange(MEL_STEPS)
        mel = np.asarray(plan.timelines["mel"], np.float32)[steps].transpose(0, 2, 1)
        faces = np.stack([warp_rgb(frame, _to_patch(box), SIZE) for frame, box in zip(frames, boxes, strict=True)])
        images = models.infer(self.models[0], {"mel": mel, "face": faces}, ("image",))["image"]
        points = template.track.landmarks[pose, :, :2]
        return [
            self._pasted(frame, box, np.asarray(image, np.uint8), landmarks)
            for frame, box, image, landmarks in zip(frames, boxes, images, points, strict=True)
        ]

    def _pasted(self, frame: Frame, box: Indices, image: Uint8, landmarks: Float32) -> Frame:
        """A copy of the frame with the lower face of `image`, uint8 [96, 96, 3] RGB."""
        finished = frame.copy()
        corner = box[:2] - box[:2] % 2
        width, height = (int(v) for v in box[2:] - corner + (box[2:] - corner) % 2)
        mask = lower_face(landmarks - corner.astype(np.float32), width, height)
        left, top, right, bottom = _support(mask)
        if right == left:
            return finished
        # Only the visible part is drawn.
        mask = mask[top:bottom, left:right]
        corner += [left, top]
        x, y = (int(v) for v in corner)
        shape = right - left, bottom - top
        before = crop(frame, x, y, *shape)
        enlarge = cv2.invertAffineTransform(_to_patch(box - np.tile(corner, 2)))
        patch = cv2.warpAffine(image, enlarge, shape, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        drawn = rgb_to_yuv(np.asarray(patch, np.uint8), frame.matrix).astype(np.float32)
        if self.sharpen:
            drawn[..., 0] = _sharpened(drawn[..., 0], before[..., 0].astype(np.float32), mask, width / SIZE)
        after = before + (drawn - before) * mask[..., None]
        paste(finished, before, np.clip(np.rint(after), 0, 255).astype(np.uint8), x, y)
        return finished


def face_boxes(track: FaceTrack, width: int, height: int) -> Indices:
    """Boxes of the face mesh, padded and smoothed like those of the published inference, int64 [T, 4].

    Each box is the mean of itself and the next four; the last ones of a shot are means of its last five.

    Raises NoFaceError if no frame shows a face.
    """
    if not track.present.any():
        raise NoFaceError("no_face_in_template")
    points = track.landmarks[..., :2]
    low, high = points.min(1).astype(np.int64), points.max(1).astype(np.int64)
    # A face that is partly outside the frame keeps a box of at least two pixels.
    limits = np.array([width, height])
    low = np.clip(low, 0, limits - 2)
    high = np.clip(high + np.array([0, BELOW]), low + 2, limits)
    boxes: Indices = np.concatenate([low, high], 1)
    shot = np.zeros(len(boxes), np.int64) if track.shot is None else track.shot
    edges = np.flatnonzero(np.diff(np.where(track.present, shot, -1), prepend=-2, append=-2))
    for first, end in pairwise(edges):
        if not track.present[first]:
            continue
        for k in range(first, end):
            begin = min(k, max(end - SMOOTHED, first))
            boxes[k] = boxes[begin : min(begin + SMOOTHED, end)].mean(0)
    return boxes


def lower_face(points: Float32, width: int, height: int) -> Float32:
    """Opacity of the paste, float32 [height, width]: 1 around the mouth, 0 at the edges of the lower face and the crop.

    points: landmarks [468, 2], crop pixels
    """
    unit = float(np.linalg.norm(points[mesh.RIGHT_EYE].mean(0) - points[mesh.LEFT_EYE].mean(0)))
    down = points[mesh.CHIN] - points[mesh.NOSE_BRIDGE]
    jaw = points[mesh.JAW] + down * (CHIN * unit / max(float(np.linalg.norm(down)), 1e-6))
    hull = cv2.convexHull(np.concatenate([jaw, points[mesh.CHEEKS]]).astype(np.float32))
    inside = np.zeros((height + 2, width + 2), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(hull + 1).astype(np.int32), (255,))
    inside[[0, -1]] = inside[:, [0, -1]] = 0
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.asarray(smoothstep(distance / max(FEATHER * unit, 1.0)), np.float32)


def _support(mask: Float32) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the non-zero part of a mask of even size, all even; all 0 if it is empty."""
    x, y, width, height = cv2.boundingRect((mask > 0).view(np.uint8))
    right, bottom = x + width, y + height
    return x - x % 2, y - y % 2, right + right % 2, bottom + bottom % 2


def _to_patch(box: Indices) -> npt.NDArray[np.float64]:
    """Affine map, float64 [2, 3], from frame pixels to those of the patch that shows the box."""
    scale = SIZE / (box[2:] - box[:2])
    return np.column_stack([np.diag(scale), (0.5 - box[:2]) * scale - 0.5])


def _sharpened(luma: Float32, template: Float32, mask: Float32, enlargement: float) -> Float32:
    """The luma with the detail at the scale of the patch's pixels amplified until it is as strong as the template's."""
    sigma = max(enlargement, 0.5)
    detail, grain = (image - cv2.GaussianBlur(image, (0, 0), sigma) for image in (luma, template))
    strength = np.sqrt([(mask * detail**2).sum(), (mask * grain**2).sum()])
    gain = np.clip(strength[1] / max(strength[0], 1e-3) - 1, 0, MOST_SHARPENING)
    return np.asarray(luma + np.float32(gain) * detail, np.float32)
