"""Pictures of the mouth at rest. They come again each time the template does, so what was drawn is kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from digital_human.core.frame import Frame, crop_yuv, insert_yuv

MOST_BYTES = 48 * 2**20
"""Of the patches of one session."""


@dataclass(frozen=True)
class _Patch:
    """What differs from the template's frame; image is None where nothing does."""

    image: Frame | None
    x: int = 0
    y: int = 0

    @property
    def size(self) -> int:
        return 0 if self.image is None else self.image.data.nbytes


class RestPictures:
    """Patches by template frame. Those used longest ago go first."""

    def __init__(self) -> None:
        self._patches: OrderedDict[int, _Patch] = OrderedDict()
        self._bytes = 0

    def __contains__(self, pose: int) -> bool:
        return pose in self._patches

    def add(self, pose: int, template: Frame, drawn: Frame) -> None:
        """Keep what was drawn on a template frame."""
        patch = _difference(template, drawn)
        self._patches[pose] = patch
        self._bytes += patch.size
        while self._bytes > MOST_BYTES and len(self._patches) > 1:
            self._bytes -= self._patches.popitem(last=False)[1].size

    def picture(self, pose: int, template: Frame) -> Frame:
        """The template frame with its mouth at rest."""
        self._patches.move_to_end(pose)
        patch = self._patches[pose]
        if patch.image is None:
            return template
        frame = template.copy()
        insert_yuv(frame, patch.image, patch.x, patch.y)
        return frame


def _difference(template: Frame, drawn: Frame) -> _Patch:
    """The smallest patch of even place and size that turns one frame into the other."""
    changed = np.zeros((template.height // 2, template.width // 2), np.bool_)
    for before, after in zip(template.planes, drawn.planes, strict=True):
        differs = before != after
        if differs.shape != changed.shape:
            differs = differs.reshape(changed.shape[0], 2, changed.shape[1], 2).any((1, 3))
        changed |= differs
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    if not len(rows):
        return _Patch(None)
    y, x = 2 * int(rows[0]), 2 * int(columns[0])
    height, width = 2 * int(rows[-1]) + 2 - y, 2 * int(columns[-1]) + 2 - x
    return _Patch(crop_yuv(drawn, x, y, width, height), x, y)
