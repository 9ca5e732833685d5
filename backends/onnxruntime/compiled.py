"""Networks as OpenVINO compiled them, kept on disk: compiling them takes seconds of each start, reading them tenths.

OpenVINO's own model cache is not used, for it loads a file whose weights are damaged without a word.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

KEPT = 32
"""Files of the folder that are kept, the last used ones."""
DIGEST_SIZE = hashlib.sha256().digest_size


def compile_network(core: Any, path: Path, options: Mapping[str, object], folder: Path | None) -> Any:
    """The ONNX file `path` compiled for the CPU, taken from `folder` where it was compiled before with these options.

    core: openvino.Core
    Raises whatever OpenVINO raises where it cannot read the network; trouble with the folder only costs the time.
    """
    if folder is None:
        return core.compile_model(core.read_model(path), "CPU", options)
    file = folder / f"{_key(core, path, options)}.blob"
    blob = _read(file)
    if blob is not None:
        with suppress(RuntimeError):
            return core.import_model(io.BytesIO(blob), "CPU", options)
    network = core.compile_model(core.read_model(path), "CPU", options)
    exported = io.BytesIO()
    network.export_model(exported)
    with suppress(OSError):
        _write(file, exported.getvalue())
        _prune(folder)
    return network


def _key(core: Any, path: Path, options: Mapping[str, object]) -> str:
    """Of the network with any files beside it that hold its weights, the options, this OpenVINO and this processor."""
    import openvino

    kind = [openvino.__version__, core.get_property("CPU", "FULL_DEVICE_NAME"), options]
    kind.append(sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
    digest = hashlib.sha256(json.dumps(kind, sort_keys=True).encode())
    for file in sorted(file for file in path.parent.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path.parent)} {file.stat().st_size}".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _read(file: Path) -> bytes | None:
    """The blob, or None where there is none or it is not what was written."""
    try:
        content = file.read_bytes()
        os.utime(file)
    except OSError:
        return None
    digest, blob = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    return blob if hashlib.sha256(blob).digest() == digest else None


def _write(file: Path, blob: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=".", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(hashlib.sha256(blob).digest() + blob)
        Path(part).replace(file)
    finally:
        Path(part).unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    """Parts of files whose writers were killed grow old too."""
    by_age = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in by_age[KEPT:]:
        file.unlink(missing_ok=True)
