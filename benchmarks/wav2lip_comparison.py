"""This service against the published Wav2Lip inference, whole processes on the same video, speech and machine.

python -m benchmarks.wav2lip_comparison --wav2lip-dir CHECKOUT --checkpoint FILE [--python PYTHON] [--box T B L R]
                                     [--video CLIP] [--audio SPEECH] [--rounds 3] [--json FILE]

CHECKOUT is a clone of the published repository, not part of this one; its requirements are installed for PYTHON, and
`--box` is what it calls so: the face, given once, so that its detector is skipped. Without it the detectors of both
sides run. Random weights will do: time does not depend on them. Our side is `digital-human generate`, Triton's start
included, with the template unknown to it, but not the networks: the first start on a machine, which compiles them, is
a separate row. Engine `wav2lip` where its weights were brought, and `default`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import media_fixture
from benchmarks.measure import Row, costing, interleaved, median, peak_memory, save, show, tree
from digital_human.settings import Settings

SECONDS = 8.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    media_fixture.add_arguments(parser, ("512",))
    parser.add_argument("--wav2lip-dir", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--python", default=sys.executable, help="interpreter for the checkout")
    parser.add_argument("--box", type=int, nargs=4, help="top, bottom, left, right of the face: skips its detector")
    parser.add_argument("--engines", nargs="+", default=["default"])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results = {}
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as name:
            rows = compare(arguments, size, Path(name))
        show(f"{SECONDS:g} s at {size}, detector {'skipped' if arguments.box else 'run'} on their side", rows)
        results[size] = rows
    save(arguments.json, results)


def compare(arguments: argparse.Namespace, size: str, folder: Path) -> list[Row]:
    video = media_fixture.template(media_fixture.clip_of(arguments, size), size, folder, SECONDS)
    audio = media_fixture.speech(arguments.audio, SECONDS, folder)
    box = ["--box", *map(str, arguments.box)] if arguments.box else []
    theirs = [
        *(arguments.python, "inference.py", "--checkpoint_path", str(arguments.checkpoint.resolve())),
        *("--face", str(video), "--audio", str(audio), "--outfile", str(folder / "theirs.mp4"), *box),
    ]
    peaks: dict[str, list[float]] = {}

    def timed(name: str, command: Sequence[str], cwd: Path, base: Path, forget: Path) -> float:
        """Seconds of the whole process with the data folder `base`, of which `forget` is removed before."""
        shutil.rmtree(forget, ignore_errors=True)
        base.mkdir(exist_ok=True)
        environment = {**os.environ, "BASE_PATH": str(base)}
        with costing(list) as cost:
            process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)
            with peak_memory({"all": lambda: tree(process.pid)}) as peak:
                status = process.wait()
        if status:
            raise RuntimeError(f"{name} ended with status {status}")
        peaks.setdefault(name, []).append(peak["all"])
        return cost.wall

    published = "published Wav2Lip"
    base = folder / "published"
    cases: dict[str, Callable[[], float]] = {
        published: partial(timed, published, theirs, arguments.wav2lip_dir, base, base)
    }
    for engine in arguments.engines:
        ours = [
            *(sys.executable, "-m", "digital_human.cli", "generate", "--engine", engine, "--audio", str(audio)),
            *("--video", str(video), "--output", str(folder / f"{engine}.mp4")),
        ]
        first, later = f"ours, {engine}, first start", f"ours, {engine}"
        base = folder / engine
        cases[first] = partial(timed, first, ours, media_fixture.ROOT, base, base)
        cases[later] = partial(
            timed, later, ours, media_fixture.ROOT, base, Settings(base_path=base).state_path / "templates"
        )
    walls = interleaved(cases, arguments.rounds)
    return [
        {
            "what": name,
            "wall s": median(walls[name]),
            "times as fast": median(walls[published]) / median(walls[name]),
            "peak MB": median(peaks[name]),
            "of its memory": median(peaks[name]) / median(peaks[published]),
        }
        for name in cases
    ]


if __name__ == "__main__":
    main()
