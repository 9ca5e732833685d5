"""Segments of video and one sound into the finished file. The picture is copied, not encoded again."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from digital_human.core.containers import CONTAINERS
from digital_human.core.frame import Float32, Frame
from digital_human.files.atomic import atomic_write, disk_errors
from digital_human.media.audio import decode, sound_format
from digital_human.media.encode import EncoderSettings, muxer, write_segment
from digital_human.media.video_info import VideoInfo


@dataclass(frozen=True)
class Sound:
    """A soundtrack in AAC. packets: in order, their times counted in 1 / rate seconds."""

    rate: int
    layout: str
    bit_rate: int
    packets: Sequence[Packet[AudioStream]]


def encode_sound(path: Path, frame_count: int, fps: Fraction, settings: EncoderSettings) -> Sound:
    """The sound of a file, cut or padded to the length of the picture.

    It needs nothing of the picture, so a thread can do it while that is drawn. Raises BadInputError.
    """
    rate, layout = sound_format(path)
    bit_rate = settings.audio_bitrate if layout == "stereo" else settings.audio_bitrate // 2
    encoder = CodecContext.create("aac", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.rate, encoder.layout, encoder.bit_rate, encoder.format = rate, layout, bit_rate, "fltp"
    packets, sent = [], 0
    for chunk in _fitted(decode(path, rate, layout), round(frame_count * rate / fps), layout):
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(chunk), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, sent, Fraction(1, rate)
        packets += encoder.encode(frame)
        sent += chunk.shape[1]
    return Sound(rate, layout, bit_rate, [*packets, *encoder.encode(None)])


def compose(
    path: Path,
    segments: Sequence[tuple[Path, int]],
    sound: Sound,
    fps: Fraction,
    suffix: str,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Join the segments, in order, with the sound.

    segments: files made by `write_segment` and the number of frames in each
    suffix:   what the finished file is called by; `path` itself may be a temporary name
    metadata: tags of the file
    Raises OutputError where it cannot be written.
    """
    kind = CONTAINERS[suffix.lower()]
    flags = "+faststart+use_metadata_tags" if kind in ("mp4", "mov") else ""
    with disk_errors(), muxer(path, kind, flags) as output:
        output.metadata.update(metadata or {})
        with av.open(str(segments[0][0])) as first:
            video = output.add_stream_from_template(first.streams.video[0])
        audio = output.add_stream("aac", rate=sound.rate, layout=sound.layout)
        assert isinstance(audio, AudioStream)
        audio.bit_rate = sound.bit_rate
        heard = deque(sound.packets)
        for index, picture in enumerate(_joined(segments, fps)):
            _mux(output, picture, video)
            while heard and (heard[0].pts or 0) * fps < (index + 1) * sound.rate:
                _mux(output, heard.popleft(), audio)
        for packet in heard:
            _mux(output, packet, audio)


def _mux(output: OutputContainer, packet: Packet[Any], stream: VideoStream | AudioStream) -> None:
    packet.stream = stream
    output.mux(packet)


def alike(segments: Sequence[Path]) -> bool:
    """Whether one encoder made them all: a file has room for the parameters of one."""
    found = set()
    for path in segments:
        with av.open(str(path)) as container:
            found.add(container.streams.video[0].codec_context.extradata)
    return len(found) == 1


def write_video(
    path: Path,
    frames: Iterable[Frame],
    info: VideoInfo,
    sound: Path,
    frame_count: int,
    settings: EncoderSettings | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Encode `frame_count` frames and join them with the sound of `sound`, in one go.

    The file appears at `path` when it is whole. Raises OutputError where it cannot be written; nothing is left behind
    then, nor when `frames` raises.
    """
    settings = settings or EncoderSettings()
    sound_format(sound)  # a file without sound is found before the work, not after it
    with atomic_write(path) as part, ThreadPoolExecutor(1, "sound") as aside:
        heard = aside.submit(encode_sound, sound, frame_count, info.fps, settings)
        picture = part.with_name(f".{uuid.uuid4().hex}.video")
        try:
            write_segment(picture, frames, info, settings)
            compose(part, [(picture, frame_count)], heard.result(), info.fps, path.suffix, metadata)
        finally:
            picture.unlink(missing_ok=True)


def _joined(segments: Sequence[tuple[Path, int]], fps: Fraction) -> Iterator[Packet[VideoStream]]:
    """The packets of all segments, each segment's time moved behind the one before."""
    start = 0
    for path, count in segments:
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                if packet.pts is None or packet.dts is None:
                    continue  # the demuxer's last word, which carries no picture
                shift = round(start / fps / packet.time_base)
                packet.pts += shift
                packet.dts += shift
                yield packet
        start += count


def _fitted(chunks: Iterator[Float32], length: int, layout: str) -> Iterator[Float32]:
    """The chunks cut to `length` samples, or followed by silence up to it."""
    left = length
    for chunk in chunks:
        if left <= 0:
            return
        yield chunk[:, :left]
        left -= min(left, chunk.shape[1])
    if left > 0:
        yield np.zeros((1 if layout == "mono" else 2, left), np.float32)
