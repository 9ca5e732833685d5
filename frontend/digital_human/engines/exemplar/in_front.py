"""What is in front of the face in a batch of frames: it holds the face still, and leaves the mouth layer alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digital_human.core.cover import Box, Cover
from digital_human.core.frame import Float32, Uint8
from digital_human.core.landmarks import Indices


@dataclass(frozen=True)
class InFront:
    """cover: of the template; frames: [n], the template frame under each frame of the batch."""

    cover: Cover
    frames: Indices

    @classmethod
    def of(cls, cover: Cover | None, frames: Indices) -> InFront | None:
        """None where nothing is in front of any of the frames of the template."""
        return cls(cover, frames) if cover is not None and len(cover.packed) else None

    def freedom(self, points: Float32) -> Float32:
        """How freely the face may move at points [n, K, 2], frame pixels: 0 on what is in front, 1 far away, [n, K, 1].

        Whatever is moved close to it would bend it, or show it twice.
        """
        free = [self.cover.freedom(int(k), p) for k, p in zip(self.frames, points, strict=True)]
        return np.stack(free)[..., None]

    def uncover(self, k: int, source: int, box: Box, opacity: Uint8, ring: Uint8, step: int) -> None:
        """Take what is in front out of a mouth layer's opacity and its ring of skin, in place.

        k: of the batch; source: template frame of the exemplar; box: of the layer in the frame
        opacity: [height, width], loses what is in front of the exemplar, which is not to be seen here
        ring: [height / step, width / step], loses what is in front of either
        """
        shown = int(self.frames[k])
        hidden = self.cover.softened(shown, box, of=source)
        if hidden is not None:
            np.minimum(opacity, 255 - hidden, out=opacity)
        for frame in (shown, source):
            seen = self.cover.softened(shown, box, step, of=frame)
            if seen is not None:
                ring[seen > 0] = 0
