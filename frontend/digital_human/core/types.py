"""The types that tracking, engines and the pipeline hand to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Frame
from digital_human.core.mouth_crops import CloseUps

Arrays = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class FaceTrack:
    """One person's face through a template of T frames.

    landmarks: float32 [T, 468, 3], face mesh; x and y in frame pixels, z in the same scale (smaller is nearer)
    score:     float32 [T], 0-1, how sure the mesh is that this is a face
    present:   bool [T], False where no face was found; landmarks there are meaningless
    """

    landmarks: Float32
    score: Float32
    present: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Template:
    """What an engine may know of a template video.

    fps, width, height and frame_count are those after normalisation: constant rate, upright, even size
    frames: call it to decode the frames once more, in order
    close_ups: what lies around the mouth, kept where decoding once more would take long; only while it is analysed
    """

    width: int
    height: int
    fps: Fraction
    frame_count: int
    track: FaceTrack
    frames: Callable[[], Iterator[Frame]]
    close_ups: CloseUps | None = None


class Models(Protocol):
    """Triton as an engine sees it."""

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, npt.NDArray[np.generic]]:
        """Run one batch; arrays carry the batch axis first. Larger batches than the network takes are split.

        Raises `digital_human.errors.UnavailableError` when Triton cannot be reached or does not serve the network.
        """
        ...
