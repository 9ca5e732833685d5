"""Networks as OpenVINO compiled them, kept on disk: compiling them takes seconds of each start, reading them tenths.

OpenVINO's own model cache is not used, for it loads a file whose weights are damaged without a word.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

# OpenVINO does without its converter of models where that is missing. Importing it takes half the time, and 6 MB.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]

KEPT_BYTES = 2**30
"""Of the folder; those that were not used for longest go first."""
DIGEST_SIZE = hashlib.sha256().digest_size


Shapes = tuple[tuple[str, tuple[int, ...]], ...]
"""Of inputs, by name."""


def compile_network(
    core: Any, path: Path, options: Mapping[str, object], folder: Path | None, shapes: Shapes = ()
) -> Any:
    """The ONNX file `path` compiled for the CPU, taken from `folder` where it was compiled before with these options.

    core: openvino.Core
    shapes: to compile it for; without, axes that the file leaves free stay so
    Raises whatever OpenVINO raises where it cannot read the network; trouble with the folder only costs the time.
    """
    if folder is None:
        return core.compile_model(_read_network(core, path, shapes), "CPU", options)
    file = folder / f"{_key(core, path, options, shapes)}.blob"
    blob = _read(file)
    if blob is not None:
        with suppress(RuntimeError):
            return core.import_model(io.BytesIO(blob), "CPU", options)
    network = core.compile_model(_read_network(core, path, shapes), "CPU", options)
    exported = io.BytesIO()
    network.export_model(exported)
    with suppress(OSError):
        _write(file, exported.getbuffer())
        _prune(folder)
    return network


def _read_network(core: Any, path: Path, shapes: Shapes) -> Any:
    network = core.read_model(path)
    if shapes:
        from openvino.passes import ConstantFolding, Manager

        network.reshape({name: list(shape) for name, shape in shapes})
        # What followed from shapes is constant now; compiling takes a quarter less time when that is seen to first.
        passes = Manager()
        passes.register_pass(ConstantFolding())
        passes.run_passes(network)
    return network


def _key(core: Any, path: Path, options: Mapping[str, object], shapes: Shapes) -> str:
    """Of the network with any files beside it that hold its weights, the options, this OpenVINO and this processor."""
    import openvino

    kind = [openvino.__version__, core.get_property("CPU", "FULL_DEVICE_NAME"), options, shapes]
    kind.append(sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
    digest = hashlib.sha256(json.dumps(kind, sort_keys=True).encode())
    for file in sorted(file for file in path.parent.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path.parent)} {file.stat().st_size}".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _read(file: Path) -> bytes | None:
    """The blob, or None where there is none or it is not what was written."""
    try:
        with file.open("rb") as source:
            digest, blob = source.read(DIGEST_SIZE), source.read()
        os.utime(file)
    except OSError:
        return None
    return blob if hashlib.sha256(blob).digest() == digest else None


def _write(file: Path, blob: bytes | memoryview) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=".", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(hashlib.sha256(blob).digest())
            target.write(blob)
        Path(part).replace(file)
    finally:
        Path(part).unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    """Parts of files whose writers were killed grow old too."""
    total = 0
    for file in sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True):
        total += file.stat().st_size
        if total > KEPT_BYTES:
            file.unlink(missing_ok=True)
