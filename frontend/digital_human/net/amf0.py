"""AMF0, the values in RTMP's commands (Action Message Format, version 0)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

Value = float | bool | str | None | Mapping[str, "Value"] | list["Value"]

_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED, _MAP, _END, _LIST, _DATE, _LONG = (
    0,
    1,
    2,
    3,
    5,
    6,
    8,
    9,
    10,
    11,
    12,
)
_DEEPEST = 8
"""Levels of objects that are read."""


def encode(*values: Value) -> bytes:
    """Numbers become doubles, mappings objects."""
    return b"".join(map(_encoded, values))


def decode(data: bytes) -> list[Value]:
    """Raises ValueError for anything else."""
    reader, values = _Reader(data), list[Value]()
    try:
        while reader.at < len(data):
            values.append(reader.value(_DEEPEST))
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError("no AMF0") from error
    return values


def _encoded(value: Value) -> bytes:
    match value:
        case None:
            return bytes([_NULL])
        case bool():
            return bytes([_BOOLEAN, value])
        case int() | float():
            return struct.pack(">Bd", _NUMBER, value)
        case str():
            data = value.encode()
            short = len(data) < 1 << 16
            return struct.pack(">BH" if short else ">BI", _STRING if short else _LONG, len(data)) + data
        case list():
            return struct.pack(">BI", _LIST, len(value)) + encode(*value)
        case _:
            pairs = b"".join(_key(name) + _encoded(one) for name, one in value.items())
            return bytes([_OBJECT]) + pairs + _key("") + bytes([_END])


def _key(name: str) -> bytes:
    data = name.encode()
    return struct.pack(">H", len(data)) + data


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def value(self, depth: int) -> Value:
        kind = self._take(">B")
        match kind:
            case _ if depth == 0:
                raise ValueError("nested too deeply")
            case 0:
                return float(self._take(">d"))
            case 1:
                return bool(self._take(">B"))
            case 2:
                return self._text(self._take(">H"))
            case 12:
                return self._text(self._take(">I"))
            case 3:
                return self._object(depth)
            case 8:
                self._take(">I")
                return self._object(depth)
            case 5 | 6:
                return None
            case 10:
                count = self._take(">I")
                if count > len(self._data):
                    raise ValueError("a list longer than its message")
                return [self.value(depth - 1) for _ in range(count)]
            case 11:
                moment = float(self._take(">d"))
                self._take(">h")
                return moment
        raise ValueError(f"an unknown kind of value, {kind}")

    def _object(self, depth: int) -> Mapping[str, Value]:
        found: dict[str, Value] = {}
        while name := self._text(self._take(">H")):
            found[name] = self.value(depth - 1)
        if self._take(">B") != _END:
            raise ValueError("an object without an end")
        return found

    def _text(self, length: int) -> str:
        start, self.at = self.at, self.at + length
        if self.at > len(self._data):
            raise ValueError("a text longer than its message")
        return self._data[start : self.at].decode()

    def _take(self, layout: str) -> int:
        (value,) = struct.unpack_from(layout, self._data, self.at)
        self.at += struct.calcsize(layout)
        return value  # type: ignore[no-any-return]
