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
from frontend.media.container import open_media, probe_video, seeks_exactly
from frontend.media.normalise import Normaliser

_BUFFER_BYTES = 128 * 2**20


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

    def __init__(self, path: Path, field: str = "video_path") -> None:
        self.path = path
        self.info = probe_video(path, field)
        self._field = field

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Every frame from index `start` on, at `info.fps`.

        A source of variable rate is sampled: frame k is what was on screen at (k + 1/2) / fps.
        """
        with open_media(self.path, self._field) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            normalise = Normaliser(self.info)
            for picture, count in self._on_grid(container, stream, start):
                frame = normalise(picture)
                for _ in range(count):
                    yield frame

    def pingpong(self, count: int, length: int) -> Iterator[Frame]:
        """The frames at the indices `pingpong(count, length)`; `count` is the number of frames the template has.

        A short template is decoded once and kept; of a long one only a stretch is held while it is walked backwards.
        """
        return islice(self._to_and_fro(count, again=length > count), length)

    def _to_and_fro(self, count: int, again: bool) -> Iterator[Frame]:
        limit = max(_BUFFER_BYTES // self.info.frame_bytes, 8)
        kept: list[Frame] = []
        seen = 0
        for frame in islice(self.frames(), count):
            seen += 1
            if again and count <= limit:
                kept.append(frame)
            yield frame
        if seen < count:
            raise BadInput(f"{self._field}: ended after {seen} of {count} frames")
        while again:
            yield from kept[-2:0:-1] if kept else self._backwards(count, limit)
            yield from kept or islice(self.frames(), count)

    def _backwards(self, count: int, limit: int) -> Iterator[Frame]:
        """Frames count-2 .. 1, decoded in stretches of `limit` frames."""
        for stop in range(count - 1, 1, -limit):
            start = max(stop - limit, 1)
            yield from reversed(list(islice(self.frames(start), stop - start)))

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
