"""H.264 and AAC as they lie in FLV, and so in RTMP's messages (Adobe, Video File Format 10.1, E.4)."""

from __future__ import annotations

import re
import struct

_START = re.compile(rb"\x00\x00\x00?\x01")
_SPS, _PPS, _DELIMITER = 7, 8, 9
_AAC = b"\xaf"
"""AAC; the rest of the byte is the same for all of it."""


def units_of(access_unit: bytes) -> list[bytes]:
    """The NAL units of an access unit in Annex B."""
    # What lies between two start codes may end with zeros that belong to the second.
    return [unit.rstrip(b"\x00") for unit in _START.split(access_unit) if unit]


def video_header(access_unit: bytes) -> bytes:
    """The sequence header: the parameter sets of a key frame, Annex B. Raises ValueError where it has none."""
    by_kind = {unit[0] & 0x1F: unit for unit in units_of(access_unit)}
    if _SPS not in by_kind or _PPS not in by_kind:
        raise ValueError("a key frame without parameter sets")
    sps, pps = by_kind[_SPS], by_kind[_PPS]
    record = b"\x01" + sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps)) + sps
    return b"\x17\x00\x00\x00\x00" + record + b"\x01" + struct.pack(">H", len(pps)) + pps


def video(access_unit: bytes, is_key: bool) -> bytes:
    """One picture, Annex B, that is shown when it is decoded."""
    kept = [unit for unit in units_of(access_unit) if unit[0] & 0x1F not in (_SPS, _PPS, _DELIMITER)]
    lengths = b"".join(struct.pack(">I", len(unit)) + unit for unit in kept)
    return (b"\x17" if is_key else b"\x27") + b"\x01\x00\x00\x00" + lengths


def audio_header(config: bytes) -> bytes:
    """The sequence header. config: AudioSpecificConfig"""
    return _AAC + b"\x00" + config


def audio(packet: bytes) -> bytes:
    """One packet of AAC."""
    return _AAC + b"\x01" + packet
