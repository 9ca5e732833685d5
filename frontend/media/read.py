"""Template frames at a constant rate, forwards and backwards, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from frontend.errors import BadInput
from frontend.frames import Frame
from frontend.media.container import MAX_PIXELS, limit_pixels, open_media, probe_video, seeks_exactly
from frontend.media.normalise import Normaliser

_BUFFER_BYTES = 96 * 2**20


def pingpong(count: int, length: int) -> Iterator[int]:
    """`length` indices that walk over `count` frames to and fro, never showing an end twice in a row."""
    period = max(2 * count - 2, 1)
    for k in range(length):
        phase = k % period
        yield phase if phase < count else period - phase


class VideoReader:
    """A template's frames.

    Raises BadInput on construction where the file cannot be used, and while reading where it is damaged.
    """

    def __init__(self, path: Path, field: str = "video_path", max_pixels: int = MAX_PIXELS) -> None:
        self.path = path
        self.info = probe_video(path, field, max_pixels)
        self._field = field
        self._max_pixels = max_pixels

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Every frame from index `start` on, at `info.fps`.

        A source of variable rate is sampled: frame k is what was on screen at (k + 1/2) / fps.
        """
        with open_media(self.path, self._field) as container:
            stream = container.streams.video[0]
            limit_pixels(stream, self._max_pixels, self._field)
            stream.thread_type = "AUTO"
            normalise = Normaliser(self.info)
            for picture, count in self._on_grid(container, stream, start):
                frame = normalise(picture)
                for _ in range(count):
                    yield frame

    def pingpong(self, count: int, stop: int, start: int = 0) -> Iterator[Frame]:
        """The frames at places start .. stop-1 of `pingpong(count, stop)`; `count` is how many the template has.

        A short template is decoded once and kept; of a long one only a stretch is held while it is walked backwards.
        """
        if stop - start > count <= self._limit:
            kept = self._stretch(0, count)
            return (kept[index] for index in islice(pingpong(count, stop), start, None))
        return self._walk(count, stop, start)

    @property
    def _limit(self) -> int:
        """Frames that may be held at a time."""
        return max(_BUFFER_BYTES // self.info.frame_bytes, 8)

    def _walk(self, count: int, stop: int, start: int) -> Iterator[Frame]:
        """One leg after the other: forwards over frames 0 .. count-1, backwards over count-2 .. 1."""
        period = max(2 * count - 2, 1)
        while start < stop:
            phase = start % period
            if phase < count:
                length = min(count - phase, stop - start)
                yield from self._exactly(phase, phase + length)
            else:
                first = period - phase
                length = min(first, stop - start)
                for end in range(first + 1, first + 1 - length, -self._limit):
                    stretch = self._stretch(max(end - self._limit, first + 1 - length), end)
                    while stretch:
                        yield stretch.pop()  # kept no longer than it is needed
            start += length

    def _stretch(self, start: int, stop: int) -> list[Frame]:
        return list(self._exactly(start, stop))

    def _exactly(self, start: int, stop: int) -> Iterator[Frame]:
        seen = start
        for frame in islice(self.frames(start), stop - start):
            seen += 1
            yield frame
        if seen < stop:
            raise BadInput(f"{self._field}: ended after {seen} of {stop} frames")

    def _on_grid(self, container: InputContainer, stream: VideoStream, start: int) -> Iterator[tuple[VideoFrame, int]]:
        """Pictures with the number of grid instants, from `start` on, that each is shown at."""
        pictures = _timed(container, stream, self.info.fps)
        first = next(pictures, None)
        if first is None:
            return
        held, origin = first
        index = start
        base = stream.time_base
        if start and base and seeks_exactly(container):
            container.seek(int((origin + start / self.info.fps) / base), stream=stream)
            pictures = _timed(container, stream, self.info.fps)
            held = next(pictures, first)[0]
        half = Fraction(1, 2)
        for picture, time in pictures:
            upto = _ceil((time - origin) * self.info.fps - half)
            if upto > index:
                yield held, upto - index
                index = upto
            held = picture
        yield held, 1


def _timed(container: InputContainer, stream: VideoStream, fps: Fraction) -> Iterator[tuple[VideoFrame, Fraction]]:
    """Decoded pictures with their time in seconds; a missing time stamp continues at the nominal rate."""
    last: Fraction | None = None
    for picture in container.decode(stream):
        stamp = None
        if picture.pts is not None and stream.time_base is not None:
            stamp = Fraction(picture.pts * stream.time_base)
        if stamp is None or (last is not None and stamp <= last):
            stamp = Fraction(0) if last is None else last + Fraction(1) / fps
        last = stamp
        yield picture, stamp


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
