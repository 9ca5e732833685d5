"""The types that tracking, engines and the pipeline hand to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt

from digital_human.core.cover import Cover
from digital_human.core.frame import Float32, Frame
from digital_human.core.landmarks import Indices
from digital_human.core.mouth_crops import MouthCrops

SPEECH_RATE = 16_000
"""Hz. Everywhere in the pipeline speech is float32 [samples], mono, within +-1, at this rate."""
MIN_FACE_SCORE = 0.5
"""Least score, 0-1, at which the detector or the mesh counts as having found a face."""

Arrays = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class SeenFaces:
    """The people of a template, where they were when most of them were seen together.

    boxes:  float32 [n, 4], x, y, width and height in fractions of the picture, from left to right
    driven: which of them speaks
    """

    boxes: Float32
    driven: int


@dataclass(frozen=True)
class FaceTrack:
    """One person's face through a template of T frames.

    landmarks: float32 [T, 468, 3], face mesh; x and y in frame pixels, z in the same scale (smaller is nearer)
    score:     float32 [T], 0-1, how sure the mesh is that this is a face
    present:   bool [T], False where no face was found; landmarks there are meaningless
    shot:      int64 [T], ascending: changes at hard cuts. Smoothing over time stops there. None if there are none
    seen:      this face and others; None where they were not counted
    """

    landmarks: Float32
    score: Float32
    present: npt.NDArray[np.bool_]
    shot: npt.NDArray[np.int64] | None = None
    seen: SeenFaces | None = None

    def continues(self, frames: Indices, others: Indices) -> npt.NDArray[np.bool_]:
        """bool [n], whether frames and `others`, int64 [n] each, lie in one shot."""
        if self.shot is None:
            return np.ones(np.broadcast_shapes(np.shape(frames), np.shape(others)), np.bool_)
        return np.asarray(self.shot[frames] == self.shot[others])


@dataclass(frozen=True)
class Template:
    """A template video as an engine sees it.

    width, height: pixels after normalisation: upright, even
    fps:           constant frame rate after normalisation
    frame_count:   T, the number of frames
    frames:        decodes the frames again, in order
    mouth_crops:   crops around the mouth, so that `analyse` need not decode again; None where they are not kept
    cover:         what is in front of the face; None where it was not looked for
    """

    width: int
    height: int
    fps: Fraction
    frame_count: int
    track: FaceTrack
    frames: Callable[[], Iterator[Frame]]
    mouth_crops: MouthCrops | None = None
    cover: Cover | None = None


class Models(Protocol):
    """Inference, as tracking and engines see it."""

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, npt.NDArray[np.generic]]:
        """Run one batch; arrays carry the batch axis first. Larger batches than the model takes are split.

        Raises `digital_human.errors.UnavailableError` when Triton cannot be reached or does not serve the model.
        """
        ...
