"""How many people a template shows, and where the one who is followed is among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from digital_human.core.frame import Float64, Frame
from digital_human.core.types import MIN_FACE_SCORE, Models, SeenFaces
from digital_human.tracking.detector import Detection
from digital_human.tracking.landmarker import MARGIN, SAME_FACE, predict_landmarks, region_distance, region_of_detection

LASTING = 0.1
"""Share of the key frames in which faces must be seen together to count: a detector errs now and then."""


class People:
    """Counts the faces of key frames, and keeps where they were in the first frame of each number of them."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._counts = Counter[int]()
        self._examples: dict[int, SeenFaces] = {}

    def note(self, frame: Frame, faces: Sequence[Detection], followed: Float64) -> None:
        """Count the faces of a key frame. followed: region of the face that is tracked, whether among them or not"""
        regions = [region_of_detection(face) for face in faces]
        # People may be so near each other that only the nearest detection can be the followed face.
        nearest = min(regions, key=lambda region: region_distance(region, followed), default=followed)
        same = nearest if region_distance(nearest, followed) < SAME_FACE else None
        others = [region for region in regions if region is not same]
        self._counts[1 + len(others)] += 1
        if 1 + len(others) not in self._examples:
            self._examples[1 + len(others)] = self._seen(frame, followed, others)

    def seen(self) -> SeenFaces | None:
        """The largest number of faces that lasts; None where none was followed."""
        needed = LASTING * self._counts.total()
        for number in sorted(self._counts, reverse=True):
            if sum(count for other, count in self._counts.items() if other >= number) >= needed:
                return self._examples[number]
        return None

    def _seen(self, frame: Frame, followed: Float64, others: Sequence[Float64]) -> SeenFaces:
        """The followed face and those of the others that the mesh confirms, from left to right."""
        regions = [followed]
        if others:
            _, score = predict_landmarks([frame] * len(others), np.stack(others), self._models)
            regions += [region for region, sure in zip(others, score >= MIN_FACE_SCORE, strict=True) if sure]
        order = np.argsort([region[0] for region in regions])
        side = np.array([regions[k][2] for k in order]) / MARGIN
        corner = np.stack([regions[k][:2] for k in order]) - side[:, None] / 2
        boxes = np.column_stack([corner, side, side]) / np.tile([frame.width, frame.height], 2)
        return SeenFaces(boxes.astype(np.float32), int(np.flatnonzero(order == 0)[0]))
