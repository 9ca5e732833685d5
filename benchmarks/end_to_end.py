"""Files to file through the running service: time and memory by size of the picture and length of the speech.

python -m benchmarks.end_to_end [--sizes 512 720p 1080p] [--seconds 10 60 600] [--video CLIP] [--json FILE]

Each size has its own service. The first job prepares the template, the others find it in the store. The last line
is a speech of three seconds, as in a conversation.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import media_fixture
from benchmarks.measure import Row, costing, peak_memory, save, show
from benchmarks.service_fixture import Service, serving

SHORT = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    media_fixture.add_arguments(parser)
    parser.add_argument("--seconds", type=float, nargs="+", default=[10.0, 60.0, 600.0])
    parser.add_argument("--engine", default="default")
    parser.add_argument("--rounds", type=int, default=3, help="cached runs of speeches up to a minute")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as name, serving(Path(name)) as service:
            rows = measure(service, arguments, size, Path(name))
        show(f"{size}, engine {arguments.engine}, ready after {service.ready_seconds:.1f} s", rows)
        results[size] = {"ready s": service.ready_seconds, "rows": rows}
    save(arguments.json, results)


def measure(service: Service, arguments: argparse.Namespace, size: str, folder: Path) -> list[Row]:
    video = media_fixture.template(media_fixture.clip_of(arguments, size), size, folder)
    plan = [(arguments.seconds[0], "first")]
    for seconds in arguments.seconds:
        plan += [(seconds, "cached")] * (arguments.rounds if seconds <= 60 else 1)
    plan += [(SHORT, "cached")] * arguments.rounds
    rows: list[Row] = []
    for number, (seconds, kind) in enumerate(plan):
        speech = media_fixture.speech(arguments.audio, seconds, folder)
        groups = {"frontend": service.frontend, "Triton": service.triton}
        with peak_memory(groups) as peaks, costing(service.processes) as cost:
            wall = service.generate(speech, video, folder / f"{number}.mp4", arguments.engine)
        frames = round(seconds * float(media_fixture.FPS))
        rows.append(
            {
                "run": kind,
                "speech s": seconds,
                "wall s": wall,
                "x real time": seconds / wall,
                "frames/s": frames / wall,
                "cpu ms/frame": 1000 * cost.cpu / frames,
                "cores busy": cost.cpu / cost.wall,
                "frontend MB": peaks["frontend"],
                "Triton MB": peaks["Triton"],
            }
        )
    return rows


if __name__ == "__main__":
    main()
