"""What a live session needs of FFmpeg: H.264 without delay, picture by picture, and speech resampled as it comes."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from digital_human.core.frame import Float32, Frame
from digital_human.core.types import SPEECH_RATE
from digital_human.media.encode import picture_of, tag
from digital_human.media.hardware import X264
from digital_human.media.video_info import VideoInfo

KEY_FRAME_SECONDS = 2
"""Between key frames, so that a viewer who lost one is back soon."""
BITS_PER_PIXEL = 0.1
"""Highest bit rate, over pixels a second: 650 kbit/s at 512x512 and 25 frames a second, four times what faces take."""
LEAST_BIT_RATE = 300_000
USER_DATA_UUID = bytes.fromhex("a1c6e7d25b3f4e18927d4c61b5d3f84e")
"""Names our label among the user data of a stream."""
_SLICE = re.compile(rb"\x00?\x00\x00\x01[\x25\x45\x65]")
"""The start of the first slice of a key frame."""


class LiveEncoder:
    """H.264 access units in Annex B, one for each picture, none of which waits for a later one.

    A key frame carries the parameter sets, and `label` as unregistered user data where there is one.
    """

    def __init__(self, info: VideoInfo, preset: str = "superfast", crf: int = 23, label: str = "") -> None:
        rate = max(int(info.width * info.height * float(info.fps) * BITS_PER_PIXEL), LEAST_BIT_RATE)
        context = cast(VideoCodecContext, av.CodecContext.create(X264, "w"))
        context.width, context.height, context.pix_fmt = info.width, info.height, "yuv420p"
        context.framerate, context.time_base = info.fps, 1 / info.fps
        context.gop_size = round(KEY_FRAME_SECONDS * info.fps)
        context.colorspace, context.color_range = info.tags.space, 1
        context.color_primaries, context.color_trc = info.tags.primaries, info.tags.transfer
        # Slices of one picture would be encoded side by side; sessions are side by side already.
        context.thread_count = 1
        context.options = {
            "preset": preset,
            "tune": "zerolatency",
            "profile": "baseline",
            "crf": str(crf),
            "maxrate": str(rate),
            "bufsize": str(rate // 2),
            "forced-idr": "1",
        }
        self._info, self._context = info, context
        self._label = _user_data(label) if label else b""

    def encode(self, frame: Frame, index: int, key: bool) -> tuple[bytes, bool]:
        """The access unit of a picture, and whether it is a key frame.

        index: of the picture, rising; key: it must be a key frame
        """
        picture = picture_of(frame)
        picture.pts, picture.time_base = index, 1 / self._info.fps
        picture.pict_type = PictureType.I if key else PictureType.NONE
        tag(picture, self._info)
        packets = self._context.encode(picture)
        unit, is_key = b"".join(bytes(packet) for packet in packets), any(packet.is_keyframe for packet in packets)
        return (_with_label(unit, self._label) if is_key and self._label else unit), is_key


def _user_data(text: str) -> bytes:
    """A NAL unit of supplemental enhancement information: user data, unregistered (H.264, D.1.7). text: ASCII"""
    payload = USER_DATA_UUID + text.encode("ascii")
    size = b"\xff" * (len(payload) // 255) + bytes([len(payload) % 255])
    # Neither text nor UUID holds a zero byte, so nothing looks like a start code.
    return b"\x00\x00\x00\x01\x06\x05" + size + payload + b"\x80"


def _with_label(unit: bytes, label: bytes) -> bytes:
    """The access unit of a key frame with the label before its first slice."""
    found = _SLICE.search(unit)
    return unit if found is None else unit[: found.start()] + label + unit[found.start() :]


class SpeechResampler:
    """16-bit mono samples at any rate, in chunks of any size, to what the networks hear."""

    def __init__(self, rate: int) -> None:
        self._rate, self._given = rate, 0
        self._resampler = (
            None if rate == SPEECH_RATE else AudioResampler(format="fltp", layout="mono", rate=SPEECH_RATE)
        )

    def push(self, pcm: bytes) -> Float32:
        """float32 [n], 16 kHz, +-1. pcm: s16le, whole samples"""
        samples = np.frombuffer(pcm, "<i2")
        if self._resampler is None:
            return samples.astype(np.float32) / 32768
        if not len(samples):
            return np.zeros(0, np.float32)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._given
        self._given += len(samples)
        return self._joined(frame)

    def end(self) -> Float32:
        """What the resampler still holds."""
        return np.zeros(0, np.float32) if self._resampler is None or not self._given else self._joined(None)

    def _joined(self, frame: AudioFrame | None) -> Float32:
        assert self._resampler is not None
        pieces = [piece.to_ndarray()[0].astype(np.float32) for piece in self._resampler.resample(frame)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
