"""Template frames at a constant rate, in any order, in bounded memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from digital_human.core.frame import Frame
from digital_human.errors import BadInputError
from digital_human.media.container import MAX_PIXELS, limit_pixels, open_media, probe_video, seeks_exactly
from digital_human.media.decode import decode_from, timed
from digital_human.media.normalise import Normaliser

_BUFFER_BYTES, _LEAST_BUFFERED = 96 * 2**20, 16
"""Of frames held at most, and so many however large they are: the fewer there are, the more often those before them are
decoded again on a way back."""


class VideoReader:
    """A template's frames.

    Raises BadInputError on construction where the file cannot be used, and while reading where it is damaged or longer
    than `max_seconds`.
    hwaccel: the card that decodes, see `digital_human.media.hardware`
    What fits into memory is kept, and not decoded again.
    """

    def __init__(
        self,
        path: Path,
        field: str = "video_path",
        max_pixels: int = MAX_PIXELS,
        hwaccel: HWAccel | None = None,
        max_seconds: float = math.inf,
    ) -> None:
        self.path = path
        self.info, self._first_picture = probe_video(path, field, max_pixels)
        self._field = field
        self._max_pixels = max_pixels
        self._max_seconds = max_seconds
        self._hwaccel = hwaccel
        # A stretch of frames, from this index on, and whether it is all there are.
        self._first, self._kept, self._whole = 0, list[Frame](), False
        # When the first picture is shown, in seconds; None until it was decoded.
        self._origin: Fraction | None = None

    def take_over(self, other: VideoReader) -> None:
        """Have what `other`, a reader of the same content, holds in memory."""
        self._first, self._kept, self._whole, self._origin = other._first, other._kept, other._whole, other._origin

    def cover(self) -> Frame:
        """The first picture of the file, for which nothing is decoded once more."""
        return Normaliser(self.info)(self._first_picture)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Every frame from index `start` on, at `info.fps`.

        A source of variable rate is sampled: frame k is what was on screen at (k + 1/2) / fps.
        """
        if self._whole:
            yield from self._kept[start:]
            return
        seen: list[Frame] = []
        for count, frame in enumerate(self._decoded(start), start + 1):
            if count <= self.capacity:
                seen.append(frame)
            else:
                seen.clear()
            yield frame
        if start == 0 and seen:
            self._first, self._kept, self._whole = 0, seen, True

    def _decoded(self, start: int) -> Iterator[Frame]:
        with open_media(self.path, self._field, self._hwaccel) as container:
            stream = container.streams.video[0]
            limit_pixels(stream, self._max_pixels, self._field)
            stream.thread_type = "AUTO"
            normalise = Normaliser(self.info)
            for picture, count in self._on_grid(container, stream, start):
                frame = normalise(picture)
                for _ in range(count):
                    yield frame

    def play(self, order: npt.NDArray[np.int64]) -> Iterator[Frame]:
        """The frames of these numbers, in this order.

        What fits into memory is kept, for this order or the next; otherwise only a stretch is held, for the way back.
        """
        low, high = int(order.min()), int(order.max()) + 1
        if not self._holds(low, high):
            # It would be held beside what is decoded now.
            self._first, self._kept, self._whole = low, [], False
        if self._kept or high - low <= self.capacity:
            return self._kept_while_played(order, low, high)
        return self._walk(order)

    def _kept_while_played(self, order: npt.NDArray[np.int64], low: int, high: int) -> Iterator[Frame]:
        """Frames of low .. high-1, decoded when they are first reached."""
        kept = self._kept[low - self._first : high - self._first]
        missing = self._exactly(low, high)
        for index in order.tolist():
            while len(kept) <= index - low:
                kept.append(next(missing))
                if len(kept) == high - low:
                    self._first, self._kept = low, kept
            yield kept[index - low]

    def _holds(self, low: int, high: int) -> bool:
        return self._first <= low and high <= self._first + len(self._kept)

    @property
    def capacity(self) -> int:
        """Frames that are held at most."""
        return max(_BUFFER_BYTES // self.info.frame_bytes, _LEAST_BUFFERED)

    @property
    def fits(self) -> bool:
        """Whether all frames are held once they were read, as far as the file tells how many there are."""
        return 0 < self.info.length_hint <= self.capacity

    def _walk(self, order: npt.NDArray[np.int64]) -> Iterator[Frame]:
        """Through a window on the file: the frames decoded last, and the decoder, which goes on behind them.

        Where the order turns back they are there already; where it then walks out of the window backwards, the next one
        ends at that frame.
        """
        high, steps = int(order.max()) + 1, np.diff(order, append=order[-1])
        turns = np.flatnonzero(steps >= 0)
        # The frame at which each way back ends; elsewhere the frame itself.
        ends = order[turns[np.searchsorted(turns, np.arange(len(order)))]]
        size = self.capacity if len(turns) < len(order) else 1
        first, window = 0, deque[Frame]()
        following: Iterator[Frame] = iter(())
        for index, end in zip(order.tolist(), ends.tolist(), strict=True):
            if not first <= index <= first + len(window) or not window:
                window.clear()
                first = max(index + 1 - size, end)
                following = self._exactly(first, high)
            while index >= first + len(window):
                if len(window) == size:
                    window.popleft()
                    first += 1
                window.append(next(following))
            yield window[index - first]

    def _exactly(self, start: int, stop: int) -> Iterator[Frame]:
        seen = start
        for frame in islice(self.frames(start), stop - start):
            seen += 1
            yield frame
        if seen < stop:
            raise BadInputError(f"{self._field}: ended after {seen} of {stop} frames")

    def _on_grid(self, container: InputContainer, stream: VideoStream, start: int) -> Iterator[tuple[VideoFrame, int]]:
        """Pictures with the number of grid instants, from `start` on, that each is shown at."""
        half = Fraction(1, 2)
        jumps = bool(start and stream.time_base and seeks_exactly(container))
        pictures = timed(container.decode(stream), stream, self.info.fps)
        first = None
        if self._origin is None or not jumps:
            first = next(pictures, None)
            if first is None:
                return
            self._origin = first[1]
        origin = self._origin
        if jumps:
            shown_at = origin + (start + half) / self.info.fps
            pictures = timed(decode_from(container, stream, shown_at), stream, self.info.fps)
            first = next(pictures, first)
        if first is None:
            return
        held, index = first[0], start
        for picture, time in pictures:
            upto = math.ceil((time - origin) * self.info.fps - half)
            # One time stamp that leaps ahead would repeat a picture for hours.
            if upto > self._max_seconds * self.info.fps:
                raise BadInputError(f"{self._field}: the template is longer than {self._max_seconds:g} s")
            if upto > index:
                yield held, upto - index
                index = upto
            held = picture
        yield held, 1
