"""Decoded pictures of a stream with their times, from any position on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.codec.context import CodecContext
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_MARKS_REFERENCES = ("h264", "hevc")
"""Codecs that mark pictures to which no other refers."""
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that keep an alpha channel, in place of FFmpeg's own, which drop it."""


def pictures_of(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Every picture that follows, with its alpha channel."""
    decoder = _decoder_with_alpha(stream)
    if decoder is None:
        yield from container.decode(stream)
        return
    for packet in container.demux(stream):
        yield from decoder.decode(packet)


def _decoder_with_alpha(stream: VideoStream) -> VideoCodecContext | None:
    """None where the stream's own decoder is the right one."""
    own = stream.codec_context
    said = {name.lower(): value for name, value in stream.metadata.items()}
    if said.get("alpha_mode") != "1" or own.name not in _WITH_ALPHA:
        return None
    decoder = CodecContext.create(_WITH_ALPHA[own.name], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.width, decoder.height, decoder.options = own.width, own.height, dict(own.options)
    return decoder


def with_times(
    pictures: Iterable[VideoFrame], stream: VideoStream, fps: Fraction
) -> Iterator[tuple[VideoFrame, Fraction]]:
    """Pictures of `stream` with their times in seconds. A missing time stamp continues at the rate `fps`."""
    last: Fraction | None = None
    for picture in pictures:
        stamp = None
        if picture.pts is not None and stream.time_base is not None:
            stamp = Fraction(picture.pts * stream.time_base)
        if stamp is None or (last is not None and stamp <= last):
            stamp = Fraction(0) if last is None else last + Fraction(1) / fps
        last = stamp
        yield picture, stamp


def decode_from(container: InputContainer, stream: VideoStream, moment: Fraction) -> Iterator[VideoFrame]:
    """Decode from a position on.

    moment: seconds; decoding starts at the key frame at or before the picture on screen then

    Non-reference frames are skipped on the way to that picture, about half of all in x264's output. All others are the
    same to the bit.
    """
    assert stream.time_base
    target = int(moment / stream.time_base)
    begin = _key_before(target, container, stream)
    container.seek(begin, stream=stream)
    shown = _shown_at(target, container, stream) if stream.codec_context.name in _MARKS_REFERENCES else None
    container.seek(begin, stream=stream)
    decoder = _decoder_with_alpha(stream)
    for packet in container.demux(stream):
        before = shown is not None and packet.pts is not None and packet.pts < shown
        stream.codec_context.skip_frame = "NONREF" if before else "DEFAULT"
        yield from packet.decode() if decoder is None else decoder.decode(packet)


def _key_before(target: int, container: InputContainer, stream: VideoStream) -> int:
    """Time stamp to seek to, for the last key frame that is shown at or before `target`.

    MP4 seeks by decoding times, and a picture that is decoded before `target` may be shown after it.
    """
    begin, last = target, None
    while True:
        container.seek(begin, stream=stream)
        key = next(container.demux(stream))
        if key.pts is None or key.dts is None or key.pts <= target or (last is not None and key.dts >= last):
            return begin
        begin, last = key.dts - 1, key.dts


def _shown_at(target: int, container: InputContainer, stream: VideoStream) -> int | None:
    """Time stamp of the picture on screen at `target`, from the packets that follow; None if they lack time stamps."""
    shown = None
    for packet in container.demux(stream):
        if packet.size == 0:
            break
        if packet.pts is None or packet.dts is None:
            return None
        # Pictures are shown after they are decoded, so no later packet is shown by then.
        if packet.dts > target:
            break
        if packet.pts <= target and (shown is None or packet.pts > shown):
            shown = packet.pts
    return shown
