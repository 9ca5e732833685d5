"""The face weights of MediaPipe 0.10.14 (Apache-2.0), taken from its wheel; later wheels carry none.

They are fetched once with pip and kept in a cache folder: `XDG_CACHE_HOME`, or `~/.cache`. Where there is no package
index, `MEDIAPIPE_WHEEL` may name a wheel of that version that is already there, of any platform.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "0.10.14"
FILES = {
    "face_detection_full_range_sparse.tflite": (
        "mediapipe/modules/face_detection/",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    ),
    "face_landmark.tflite": (
        "mediapipe/modules/face_landmark/",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
}


def weights(name: str) -> Path:
    """Path of one of `FILES`. Raises RuntimeError where it cannot be had or is not the one this was built from."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "digital-human" / f"mediapipe-{VERSION}"
    path = cache / name
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        given = os.environ.get("MEDIAPIPE_WHEEL")
        if given:
            _extract(Path(given), cache)
        else:
            with tempfile.TemporaryDirectory() as folder:
                _extract(_download(Path(folder)), cache)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != FILES[name][1]:
        raise RuntimeError(f"{path} is not the file of mediapipe {VERSION} (SHA-256 {digest}); remove it and try again")
    return path


def _download(folder: Path) -> Path:
    # The weights are the same in every wheel, so the platform is fixed and any machine can export.
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_17_x86_64",
        f"--dest={folder}", f"mediapipe=={VERSION}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"cannot download the mediapipe {VERSION} wheel: {done.stderr.strip()}\n"
            "Set MEDIAPIPE_WHEEL to the path of that wheel where there is no package index."
        )
    return next(folder.glob("*.whl"))


def _extract(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name, (folder, _) in FILES.items():
            partial = target / f".{name}.{os.getpid()}"
            partial.write_bytes(archive.read(folder + name))
            partial.replace(target / name)
