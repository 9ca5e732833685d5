"""What a receiver of RTMP may answer, and how pictures and sound are packed for it."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from digital_human.media import flv
from digital_human.net.amf0 import Value, decode, encode
from digital_human.net.rtmp import Publisher

NESTED: Value = {"code": "ok", "list": [1.0, None, True], "inner": {"long": "x" * 70_000}}


def test_values_come_back() -> None:
    assert decode(encode("onStatus", 0.0, None, NESTED)) == ["onStatus", 0.0, None, NESTED]
    assert decode(b"\x08\x00\x00\x00\x01\x00\x01a\x01\x00\x00\x00\x09") == [{"a": False}]  # a map, as servers send


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00",
        b"\x02\xff\xffab",
        b"\x03\x00\x01a\x05",
        b"\x0a\xff\xff\xff\xff",
        b"\x11",
        b"\x02\x00\x01\xff",
        b"\x0a\x00\x00\x00\x01" * 50,
        encode(NESTED)[:-3],
    ],
)
def test_what_is_no_amf0_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode(data)


def test_a_picture_loses_its_start_codes_and_keeps_the_rest() -> None:
    sps, pps, label, slice_ = b"\x67\x42\xc0\x1f\x8c", b"\x68\xce\x3c\x80", b"\x06\x05\x01\x80", b"\x65\x88\x80"
    unit = b"\x00\x00\x00\x01" + sps + b"\x00\x00\x00\x01" + pps + b"\x00\x00\x01" + label + b"\x00\x00\x01" + slice_
    assert flv.units_of(unit) == [sps, pps, label, slice_]
    header = flv.video_header(unit)
    assert header[:6] == b"\x17\x00\x00\x00\x00\x01" and sps in header and header.endswith(b"\x00\x04" + pps)
    picture = flv.video(unit, is_key=True)
    assert picture == b"\x17\x01\x00\x00\x00" + b"\x00\x00\x00\x04" + label + b"\x00\x00\x00\x03" + slice_
    with pytest.raises(ValueError, match="parameter sets"):
        flv.video_header(b"\x00\x00\x01" + slice_)


def test_a_receiver_that_begins_messages_on_ever_more_channels_is_left() -> None:
    async def listen() -> None:
        reader = asyncio.StreamReader()
        for channel in range(200):
            reader.feed_data(bytes([0, channel]) + bytes(3) + b"\x00\x10\x00" + b"\x14" + bytes(4) + bytes(128))
        await Publisher(reader, cast(asyncio.StreamWriter, None)).listen()

    with pytest.raises(ValueError, match="channels"):
        asyncio.run(listen())
