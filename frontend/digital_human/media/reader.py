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
from digital_human.core.trim import Trim
from digital_human.errors import BadInputError
from digital_human.media.container import MAX_PIXELS, limit_pixels, open_media, probe_video, seeks_exactly
from digital_human.media.decode import decode_from, pictures_of, with_times
from digital_human.media.normalise import Normaliser
from digital_human.media.video_info import trimmed

_BUFFER_BYTES, _LEAST_BUFFERED = 96 * 2**20, 16
"""Limit of the frame buffer, and the frames that it holds however large they are. The fewer it holds, the more often
frames are decoded again during backward playback."""


class VideoReader:
    """Reads a template's frames. Frames that fit into the buffer are decoded once only.

    hwaccel: GPU decoder, see `digital_human.media.hardware`
    trim:    the part that is read; it is as if there were nothing else

    Raises BadInputError on construction if the file cannot be used, and while reading if it is damaged, longer than
    `max_seconds` or shorter than `trim`.
    """

    def __init__(
        self,
        path: Path,
        field: str = "video_path",
        max_pixels: int = MAX_PIXELS,
        hwaccel: HWAccel | None = None,
        max_seconds: float = math.inf,
        trim: Trim | None = None,
    ) -> None:
        self.path = path
        self.info, self._first_picture = probe_video(path, field, max_pixels)
        # Of the file, the first frame that is read, and how many follow; None for all.
        self._begin, self._count = 0, None
        if trim is not None:
            self.info, self._begin, self._count = trimmed(self.info, trim)
            max_seconds += trim.start
        self._field = field
        self._max_pixels = max_pixels
        self._max_seconds = max_seconds
        self._hwaccel = hwaccel
        # The buffer: index of its first frame, its frames, and whether they are all frames of the file.
        self._first, self._kept, self._whole = 0, list[Frame](), False
        # Time of the first picture in seconds; None until it is decoded.
        self._origin: Fraction | None = None

    def adopt_buffer(self, other: VideoReader) -> None:
        """Use the buffered frames of `other`, a reader of the same content."""
        self._first, self._kept, self._whole, self._origin = other._first, other._kept, other._whole, other._origin

    def first_frame(self) -> Frame:
        """The first picture, which is decoded already unless the beginning is trimmed off."""
        if self._begin:
            return next(self.frames())
        return Normaliser(self.info)(self._first_picture)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Every frame from index `start` on, at `info.fps`.

        A source of variable rate is sampled: frame k is what was on screen at (k + 1/2) / fps.
        """
        if self._whole:
            yield from self._kept[start:]
            return
        seen: list[Frame] = []
        count = start
        for count, frame in enumerate(islice(self._decoded(start), self._left(start)), start + 1):
            if count <= self.capacity:
                seen.append(frame)
            else:
                seen.clear()
            yield frame
        if self._count is not None and count < self._count:
            raise BadInputError("trim_beyond_end", seconds=float((self._begin + count) / self.info.fps))
        if start == 0 and seen:
            self._first, self._kept, self._whole = 0, seen, True

    def _left(self, start: int) -> int | None:
        return None if self._count is None else max(self._count - start, 0)

    def _decoded(self, start: int) -> Iterator[Frame]:
        with open_media(self.path, self._field, self._hwaccel) as container:
            stream = container.streams.video[0]
            limit_pixels(stream, self._max_pixels, self._field)
            stream.thread_type = "AUTO"
            normalise = Normaliser(self.info)
            for picture, count in self._at_constant_rate(container, stream, self._begin + start):
                frame = normalise(picture)
                for _ in range(count):
                    yield frame

    def play(self, frame_indices: npt.NDArray[np.int64]) -> Iterator[Frame]:
        """Yield the frames of these indices, in this order.

        If they fit into the buffer they stay there, also for the next call. Otherwise a window on the file moves along.
        """
        low, high = int(frame_indices.min()), int(frame_indices.max()) + 1
        if not self._holds(low, high):
            # Free the buffer first: it would be held beside the frames that are decoded now.
            self._first, self._kept, self._whole = low, [], False
        if self._kept or high - low <= self.capacity:
            return self._play_from_buffer(frame_indices, low, high)
        return self._play_through_window(frame_indices)

    def _play_from_buffer(self, frame_indices: npt.NDArray[np.int64], low: int, high: int) -> Iterator[Frame]:
        """Frames of low .. high-1, decoded when they are first reached."""
        kept = self._kept[low - self._first : high - self._first]
        missing = self._decode_range(low, high)
        for index in frame_indices.tolist():
            while len(kept) <= index - low:
                kept.append(next(missing))
                if len(kept) == high - low:
                    self._first, self._kept = low, kept
            yield kept[index - low]

    def _holds(self, low: int, high: int) -> bool:
        return self._first <= low and high <= self._first + len(self._kept)

    @property
    def capacity(self) -> int:
        """Frames that the buffer holds at most."""
        return max(_BUFFER_BYTES // self.info.frame_bytes, _LEAST_BUFFERED)

    @property
    def fits(self) -> bool:
        """Whether the buffer holds all frames of the file, by the length in its header."""
        return 0 < self.info.length_hint <= self.capacity

    def _play_through_window(self, frame_indices: npt.NDArray[np.int64]) -> Iterator[Frame]:
        """Play through a window: the frames decoded last, and the decoder that continues behind them.

        Where playback turns back, the window still holds the frames. Where it leaves the window backwards, the next
        window ends at that frame.
        """
        high, steps = int(frame_indices.max()) + 1, np.diff(frame_indices, append=frame_indices[-1])
        turns = np.flatnonzero(steps >= 0)
        # The frame at which the current backward run ends; the frame itself in forward runs.
        ends = frame_indices[turns[np.searchsorted(turns, np.arange(len(frame_indices)))]]
        size = self.capacity if len(turns) < len(frame_indices) else 1
        first, window = 0, deque[Frame]()
        following: Iterator[Frame] = iter(())
        for index, end in zip(frame_indices.tolist(), ends.tolist(), strict=True):
            if not first <= index <= first + len(window) or not window:
                window.clear()
                first = max(index + 1 - size, end)
                following = self._decode_range(first, high)
            while index >= first + len(window):
                if len(window) == size:
                    window.popleft()
                    first += 1
                window.append(next(following))
            yield window[index - first]

    def _decode_range(self, start: int, stop: int) -> Iterator[Frame]:
        seen = start
        for frame in islice(self.frames(start), stop - start):
            seen += 1
            yield frame
        if seen < stop:
            raise BadInputError("media_truncated", field=self._field, seen=seen, expected=stop)

    def _at_constant_rate(
        self, container: InputContainer, stream: VideoStream, start: int
    ) -> Iterator[tuple[VideoFrame, int]]:
        """Pictures from frame `start` on, each with the number of frames at which it is on screen."""
        half = Fraction(1, 2)
        jumps = bool(start and stream.time_base and seeks_exactly(container))
        pictures = with_times(pictures_of(container, stream), stream, self.info.fps)
        first = None
        if self._origin is None or not jumps:
            first = next(pictures, None)
            if first is None:
                return
            self._origin = first[1]
        origin = self._origin
        if jumps:
            shown_at = origin + (start + half) / self.info.fps
            pictures = with_times(decode_from(container, stream, shown_at), stream, self.info.fps)
            first = next(pictures, first)
        if first is None:
            return
        held, index = first[0], start
        for picture, time in pictures:
            upto = math.ceil((time - origin) * self.info.fps - half)
            # A time stamp that leaps ahead would repeat a picture for hours.
            if upto > self._max_seconds * self.info.fps:
                raise BadInputError("template_too_long", field=self._field, seconds=self._max_seconds)
            if upto > index:
                yield held, upto - index
                index = upto
            held = picture
        yield held, 1
