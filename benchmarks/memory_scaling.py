"""How time and memory grow: with the length of the speech, of the template, the number of faces in it, and of jobs.

python -m benchmarks.memory_scaling [--sizes 512] [--speech 10 60 600 1800] [--template 10 60 300] [--faces 1 2 4]
                            [--jobs 1 4 16] [--json FILE]

Straight lines are what is hoped for: seconds for each second of speech, and for each of the template, stay the same.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import media_fixture
from benchmarks.measure import Row, costing, peak_memory, save, show
from benchmarks.service_fixture import Service, serving

SPEECH, TEMPLATE = 10.0, 8.0
"""Seconds of what is not varied."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    media_fixture.add_arguments(parser, ("512",))
    parser.add_argument("--speech", type=float, nargs="*", default=[10.0, 60.0, 600.0, 1800.0])
    parser.add_argument("--template", type=float, nargs="*", default=[10.0, 60.0, 300.0])
    parser.add_argument("--faces", type=int, nargs="*", choices=range(1, 5), default=[1, 2, 4])
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 4, 16])
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    for size in arguments.sizes:
        clip = media_fixture.clip_of(arguments, size)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            usual = media_fixture.template(clip, size, folder, TEMPLATE)
            short = media_fixture.speech(arguments.audio, SPEECH, folder)
            with serving(folder) as service:
                service.generate(short, usual, folder / "warm.mp4")
                speech = []
                for seconds in arguments.speech:
                    audio = media_fixture.speech(arguments.audio, seconds, folder)
                    speech.append(_row(service, [(audio, usual)], "speech s", seconds, seconds, folder))
                template = []
                for seconds in arguments.template:
                    video = media_fixture.template(clip, size, folder, seconds)
                    template.append(_row(service, [(short, video)], "template s", seconds, seconds, folder))
                faces = []
                for number in arguments.faces:
                    video = media_fixture.crowd(clip, number, folder)
                    faces.append(_row(service, [(short, video)], "faces", number, SPEECH, folder))
            with serving(folder, max_jobs=max(arguments.jobs, default=1)) as service:
                jobs = [
                    _row(service, [(short, usual)] * count, "jobs", count, count * SPEECH, folder)
                    for count in arguments.jobs
                ]
        results[size] = {"speech": speech, "template, first run": template, "faces, first run": faces, "jobs": jobs}
        for what, rows in results[size].items():
            show(f"{size}: by {what}", rows)
    save(arguments.json, results)


def _row(
    service: Service, work: Sequence[tuple[Path, Path]], what: str, value: float, seconds: float, folder: Path
) -> Row:
    """All of `work` (speech, template) side by side; seconds: what the costs are divided by."""
    targets = [folder / f"out-{number}.mp4" for number in range(len(work))]
    groups = {"frontend": service.frontend, "Triton": service.triton}
    with (
        peak_memory(groups) as peaks,
        costing(service.processes) as cost,
        ThreadPoolExecutor(len(work)) as pool,
    ):
        list(pool.map(lambda item: service.generate(item[0][0], item[0][1], item[1]), zip(work, targets, strict=True)))
    return {
        what: value,
        "wall s": cost.wall,
        "wall s for each second": cost.wall / seconds,
        "cpu s for each second": cost.cpu / seconds,
        "frontend MB": peaks["frontend"],
        "Triton MB": peaks["Triton"],
    }


if __name__ == "__main__":
    main()
