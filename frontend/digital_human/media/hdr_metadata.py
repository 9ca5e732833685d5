"""Whether a picture is HDR, and what its tags and metadata say of it."""

from __future__ import annotations

import struct
from typing import Any

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from digital_human.errors import BadInputError
from digital_human.media.hdr import HLG_PEAK, MOST, WHITE, Hdr

# Values of FFmpeg's AVColorSpace, AVColorTransferCharacteristic and AVColorPrimaries.
_PQ, _HLG = 16, 18
_SPACE_BT709 = 1
_SPACES = (0, _SPACE_BT709, 2, 9)
"""RGB, BT.709, not tagged, BT.2020. Not ICtCp and constant luminance, which are no YCbCr of these formulas."""
_PRIMARIES_BT709, _PRIMARIES_P3 = 1, (11, 12)


def hdr_of(picture: VideoFrame, field: str) -> Hdr | None:
    """None for SDR. Raises BadInputError for HDR that cannot be converted."""
    if picture.color_trc not in (_PQ, _HLG):
        return None
    if int(picture.colorspace) not in _SPACES:
        raise BadInputError("hdr_unsupported", field=field)
    is_hlg = picture.color_trc == _HLG
    primaries = int(picture.color_primaries)
    return Hdr(
        transfer="hlg" if is_hlg else "pq",
        matrix="bt709" if int(picture.colorspace) == _SPACE_BT709 else "bt2020",
        primaries="bt709" if primaries == _PRIMARIES_BT709 else "p3" if primaries in _PRIMARIES_P3 else "bt2020",
        peak=HLG_PEAK if is_hlg else _peak(picture),
    )


def _peak(picture: VideoFrame) -> float:
    """cd/m2 of the brightest pixel, or else of the display that the picture was graded on; 1000 if nobody says."""
    peak = 0.0
    if light := _side_data(picture, Type.CONTENT_LIGHT_LEVEL):
        # AVContentLightMetadata: MaxCLL first.
        peak = float(struct.unpack_from("=I", light)[0])
    if not peak and (display := _side_data(picture, Type.MASTERING_DISPLAY_METADATA)):
        # AVMasteringDisplayMetadata: behind eight fractions and the darkest light the brightest, and whether they hold.
        over, under, _, holds = struct.unpack_from("=iiii", display, 72)
        peak = over / under if holds and under else 0.0
    return min(max(peak, WHITE), MOST) if peak else HLG_PEAK


def _side_data(picture: VideoFrame, kind: Type) -> bytes:
    """Empty where there is none."""
    every: Any = picture.side_data  # PyAV's stub knows one kind only
    try:
        return bytes(every[kind])
    except KeyError:
        return b""
