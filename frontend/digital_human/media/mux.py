"""Joins video segments and an audio track into the finished file. The video is copied, not encoded again."""

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
from digital_human.media.audio import output_format
from digital_human.media.audio_edit import AudioEdit, edited_audio
from digital_human.media.encode import EncoderSettings, muxer, write_segment
from digital_human.media.encode_alpha import codec_for
from digital_human.media.video_info import VideoInfo

_OPUS_RATE = 48_000


@dataclass(frozen=True)
class AudioTrack:
    """Encoded audio. packets: in order, with time stamps in units of 1 / rate seconds; codec: FFmpeg's encoder"""

    rate: int
    layout: str
    bit_rate: int
    packets: Sequence[Packet[AudioStream]]
    codec: str = "aac"


def encode_audio(
    path: Path,
    frame_count: int,
    fps: Fraction,
    settings: EncoderSettings,
    edit: AudioEdit | None = None,
    suffix: str = ".mp4",
) -> AudioTrack:
    """Encode the audio of a file, edited, and cut or padded to the length of the video: Opus for WebM, else AAC.

    It does not need the video, so it can run in a thread while the frames are rendered. Raises BadInputError.
    """
    rate, layout = output_format(path)
    bit_rate = settings.audio_bitrate if layout == "stereo" else settings.audio_bitrate // 2
    codec, kind = ("libopus", "flt") if suffix.lower() == ".webm" else ("aac", "fltp")
    rate = _OPUS_RATE if codec == "libopus" else rate
    encoder = CodecContext.create(codec, "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.rate, encoder.layout, encoder.bit_rate, encoder.format = rate, layout, bit_rate, kind
    packets, sent = [], 0
    for chunk in _fit_length(
        edited_audio(path, rate, layout, edit or AudioEdit()), round(frame_count * rate / fps), layout
    ):
        samples = chunk if kind == "fltp" else chunk.T.reshape(1, -1)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=kind, layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, sent, Fraction(1, rate)
        packets += encoder.encode(frame)
        sent += chunk.shape[1]
    return AudioTrack(rate, layout, bit_rate, [*packets, *encoder.encode(None)], codec)


def compose(
    path: Path,
    segments: Sequence[tuple[Path, int]],
    audio: AudioTrack,
    fps: Fraction,
    suffix: str,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Join the segments, in order, with the audio.

    segments: files of `write_segment`, and the number of frames in each
    suffix:   of the finished file; `path` may be a temporary name
    metadata: tags of the file
    Raises OutputError where it cannot be written.
    """
    kind = CONTAINERS[suffix.lower()]
    flags = "+faststart+use_metadata_tags" if kind in ("mp4", "mov") else ""
    with disk_errors(), muxer(path, kind, flags) as output:
        output.metadata.update(metadata or {})
        with av.open(str(segments[0][0])) as first:
            made = first.streams.video[0]
            video = output.add_stream_from_template(made)
            if "alpha_mode" in {name.lower() for name in made.metadata}:
                video.metadata["alpha_mode"] = "1"
        stream = output.add_stream(audio.codec, rate=audio.rate, layout=audio.layout)
        assert isinstance(stream, AudioStream)
        stream.bit_rate = audio.bit_rate
        pending = deque(audio.packets)
        for index, picture in enumerate(_concatenate(segments, fps)):
            _mux(output, picture, video)
            while pending and (pending[0].pts or 0) * fps < (index + 1) * audio.rate:
                _mux(output, pending.popleft(), stream)
        for packet in pending:
            _mux(output, packet, stream)


def _mux(output: OutputContainer, packet: Packet[Any], stream: VideoStream | AudioStream) -> None:
    packet.stream = stream
    output.mux(packet)


def share_encoder(segments: Sequence[Path]) -> bool:
    """Whether all segments come from the same encoder: a file holds the parameters of one only."""
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
    edit: AudioEdit | None = None,
) -> None:
    """Encode `frame_count` frames and join them with the audio of `sound`.

    An alpha channel stays where `info` has one and the file can hold it.
    The file appears at `path` when it is complete, and not at all if it cannot be written or if `frames` raises.
    Raises OutputError.
    """
    settings = settings or EncoderSettings()
    output_format(sound)  # fail on a file without audio before the work, not after it
    with atomic_write(path) as part, ThreadPoolExecutor(1, "sound") as aside:
        encoded = aside.submit(encode_audio, sound, frame_count, info.fps, settings, edit, path.suffix)
        picture = part.with_name(f".{uuid.uuid4().hex}.video")
        try:
            write_segment(picture, frames, info, settings, codec=codec_for(path.suffix, info.alpha))
            compose(part, [(picture, frame_count)], encoded.result(), info.fps, path.suffix, metadata)
        finally:
            picture.unlink(missing_ok=True)


def _concatenate(segments: Sequence[tuple[Path, int]], fps: Fraction) -> Iterator[Packet[VideoStream]]:
    """The packets of all segments, with the times of each segment shifted behind the segment before."""
    start = 0
    for path, count in segments:
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                if packet.pts is None or packet.dts is None:
                    continue  # the demuxer's flush packet, which has no data
                shift = round(start / fps / packet.time_base)
                packet.pts += shift
                packet.dts += shift
                yield packet
        start += count


def _fit_length(chunks: Iterator[Float32], length: int, layout: str) -> Iterator[Float32]:
    """Cut the chunks to `length` samples, or pad them with silence."""
    left = length
    for chunk in chunks:
        if left <= 0:
            return
        yield chunk[:, :left]
        left -= min(left, chunk.shape[1])
    if left > 0:
        yield np.zeros((1 if layout == "mono" else 2, left), np.float32)
