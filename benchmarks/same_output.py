"""Does another version make the same videos, frame for frame?

    python benchmarks/same_output.py record before.json --tree ../before
    python benchmarks/same_output.py record after.json
    python benchmarks/same_output.py compare before.json after.json

`record` renders each pair with `generate` of the checkout in --tree, as a user would, and writes the SHA-256 of every
decoded frame (I420), of the decoded sound, of the packets and of each stored template. `compare` prints what differs;
its exit status is 1 if anything does.

The list of pairs is a text file, a line each: template, speech and options of `generate`. Record both files on the same
machine: x264 and OpenVINO compute differently on another number of cores or another kind of processor.

This script runs the command line in separate processes and imports nothing of the package, so it can run any version.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PAIRS = ("template.mkv speech.wav",)
# Each part of the result depends on how many threads compute it.
THREADS = {"ONNXRUNTIME_THREADS": "1", "ONNXRUNTIME_PROCESSORS": "2", "OMP_NUM_THREADS": "1"}

Record = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    record = commands.add_parser("record", help="render the pairs and write the hashes")
    record.add_argument("json", type=Path, help="the file to write")
    record.add_argument("--tree", type=Path, default=ROOT, help="checkout of the version to run (default: this one)")
    record.add_argument("--media", type=Path, default=ROOT / "samples", help="folder of templates and speeches")
    record.add_argument("--pairs", type=Path, help="list of pairs (default: the sample template with its speech)")
    record.add_argument("--keep", type=Path, help="folder to keep the videos in")
    record.set_defaults(run=_record)
    compare = commands.add_parser("compare", help="print the differences between two files")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    compare.set_defaults(run=_compare)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


def _record(arguments: argparse.Namespace) -> int:
    lines = arguments.pairs.read_text().splitlines() if arguments.pairs else PAIRS
    pairs = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    package, module = _package(arguments.tree.resolve())
    results: dict[str, Record] = {}
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        environment = {**os.environ, **THREADS, "PYTHONPATH": str(package), "BASE_PATH": str(base)}
        _require_version(package, module, base, environment)
        videos = arguments.keep.absolute() if arguments.keep else base
        videos.mkdir(parents=True, exist_ok=True)
        for number, pair in enumerate(pairs):
            template, speech, *options = shlex.split(pair)
            video = videos / f"{number}.mp4"
            command = [sys.executable, "-m", module, "generate", "--output", str(video), *options]
            command += ["--video", str(arguments.media.absolute() / template)]
            command += ["--audio", str(arguments.media.absolute() / speech)]
            print(f"{pair} ...", file=sys.stderr)
            # Python looks in the working directory before PYTHONPATH, so it must not be a checkout.
            subprocess.run(command, env=environment, cwd=base, check=True)
            results[pair] = _hashes(video)
        content = {"machine": _machine(), "pairs": results, "templates": _templates(base / ".state" / "templates")}
    arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0


def _package(tree: Path) -> tuple[Path, str]:
    """The folder to import from, and the module of the command line."""
    if (tree / "frontend" / "digital_human" / "cli.py").exists():
        return tree / "frontend", "digital_human.cli"
    return tree, "digital_human.cli"


def _require_version(package: Path, module: str, folder: Path, environment: dict[str, str]) -> None:
    """Exits where Python would import another version than the one asked for."""
    code = f"import {module}; print({module}.__file__)"
    found = subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=folder, text=True).strip()
    if not Path(found).is_relative_to(package):
        sys.exit(f"{module} comes from {found}, not from {package}")


def _hashes(path: Path) -> Record:
    """frames: a digest for each frame shown; times and sizes are part of `video packets` and `picture`"""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        picture = f"{stream.width}x{stream.height} {stream.pix_fmt} {stream.average_rate}"
        frames = [_digest([frame.to_ndarray(format="yuv420p")]) for frame in container.decode(stream)]
    with av.open(str(path)) as container:
        samples = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return {
        "picture": picture,
        "frames": frames,
        "sound": _digest(samples),
        "samples": sum(part.shape[-1] for part in samples),
        "video packets": _packets(path, "video"),
        "audio packets": _packets(path, "audio"),
    }


def _packets(path: Path, kind: str) -> str:
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux(**{kind: 0}):
            digest.update(f"{packet.pts} {packet.dts} {packet.duration} {packet.time_base} ".encode() + bytes(packet))
    return digest.hexdigest()


def _digest(arrays: list[np.ndarray[Any, Any]]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def _templates(folder: Path) -> dict[str, str]:
    """key/file -> digest of each stored array. An index only lists names, whose order may differ."""
    files = sorted(folder.glob("*/*.npy"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _machine() -> dict[str, str]:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0].split(":")[1].strip() if names else platform.processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "av": av.__version__,
        "numpy": np.__version__,
    }


def _compare(arguments: argparse.Namespace) -> int:
    before, after = (json.loads(path.read_text()) for path in (arguments.before, arguments.after))
    for name, value in before["machine"].items():
        if after["machine"].get(name) != value:
            print(f"note: {name} was {value}, is {after['machine'].get(name)}")
    differences = list(_differences(before, after))
    print("\n".join(differences) or f"{len(before['pairs'])} pairs are the same, frame for frame")
    return 1 if differences else 0


def _differences(before: Record, after: Record) -> Iterator[str]:
    for pair in sorted(before["pairs"].keys() | after["pairs"].keys()):
        if pair not in before["pairs"] or pair not in after["pairs"]:
            yield f"{pair}: only {'before' if pair in before['pairs'] else 'after'}"
            continue
        old, new = before["pairs"][pair], after["pairs"][pair]
        if len(old["frames"]) != len(new["frames"]):
            yield f"{pair}: {len(old['frames'])} frames before, {len(new['frames'])} after"
        different = [
            k for k, (one, other) in enumerate(zip(old["frames"], new["frames"], strict=False)) if one != other
        ]
        if different:
            yield f"{pair}: {len(different)} frames differ, the first is {different[0]}"
        for name in ("picture", "sound", "samples", "video packets", "audio packets"):
            if old[name] != new[name]:
                yield f"{pair}: {name} differs"
    old, new = before["templates"], after["templates"]
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            state = "differs" if name in old and name in new else f"only {'before' if name in old else 'after'}"
            yield f"stored template {name}: {state}"


if __name__ == "__main__":
    sys.exit(main())
