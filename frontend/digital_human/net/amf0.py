"""AMF0, the values in RTMP's commands (Action Message Format, version 0)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum

Value = float | bool | str | None | Mapping[str, "Value"] | list["Value"]


class _Kind(IntEnum):
    NUMBER = 0
    BOOLEAN = 1
    STRING = 2
    OBJECT = 3
    NULL = 5
    UNDEFINED = 6
    MAP = 8
    END = 9
    LIST = 10
    DATE = 11
    LONG = 12


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
            return bytes([_Kind.NULL])
        case bool():
            return bytes([_Kind.BOOLEAN, value])
        case int() | float():
            return struct.pack(">Bd", _Kind.NUMBER, value)
        case str():
            data = value.encode()
            short = len(data) < 1 << 16
            return struct.pack(">BH" if short else ">BI", _Kind.STRING if short else _Kind.LONG, len(data)) + data
        case list():
            return struct.pack(">BI", _Kind.LIST, len(value)) + encode(*value)
        case _:
            pairs = b"".join(_key(name) + _encoded(one) for name, one in value.items())
            return bytes([_Kind.OBJECT]) + pairs + _key("") + bytes([_Kind.END])


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
            case _Kind.NUMBER:
                return float(self._take(">d"))
            case _Kind.BOOLEAN:
                return bool(self._take(">B"))
            case _Kind.STRING:
                return self._text(self._take(">H"))
            case _Kind.LONG:
                return self._text(self._take(">I"))
            case _Kind.OBJECT:
                return self._object(depth)
            case _Kind.MAP:
                self._take(">I")
                return self._object(depth)
            case _Kind.NULL | _Kind.UNDEFINED:
                return None
            case _Kind.LIST:
                count = self._take(">I")
                if count > len(self._data):
                    raise ValueError("a list longer than its message")
                return [self.value(depth - 1) for _ in range(count)]
            case _Kind.DATE:
                moment = float(self._take(">d"))
                self._take(">h")
                return moment
        raise ValueError(f"an unknown kind of value, {kind}")

    def _object(self, depth: int) -> Mapping[str, Value]:
        found: dict[str, Value] = {}
        while name := self._text(self._take(">H")):
            found[name] = self.value(depth - 1)
        if self._take(">B") != _Kind.END:
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
