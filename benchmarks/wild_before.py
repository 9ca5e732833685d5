"""Makes the videos of an earlier version that `benchmarks.wild --rendered` looks at.

    git worktree add ../before 59baaaf
    PYTHONPATH=../before python benchmarks/wild_before.py OUT TEMPLATE VOICE...

It runs on the package of that version, whose name was `frontend`, and writes TEMPLATE--VOICE.mp4, with little loss,
and beside it the arrays of the plan.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np


def main(out: Path, template: Path, voices: list[Path]) -> None:
    pipeline, service = import_module("frontend.pipeline"), import_module("frontend.service")
    engines, workshop = import_module("frontend.engines").ENGINES, import_module("frontend.workshop")
    settings = import_module("frontend.settings").Settings(
        base_path=out / "state", encoder_crf=10, encoder_preset="ultrafast"
    )
    service.make_folders(settings)
    planned: dict[str, Any] = {}
    plan = pipeline.plan

    def kept(*arguments: Any) -> Any:
        arrays = plan(*arguments)
        planned.update(arrays)
        return arrays

    setattr(pipeline, "plan", kept)  # noqa: B010
    with service.triton_for(settings) as triton:
        shop = workshop.build_workshop(settings, triton.url)
        for voice in voices:
            save = out / f"{template.stem}--{voice.stem}.mp4"
            pipeline.run(pipeline.Job(voice, template, save), engines["default"], shop)
            np.savez(save.with_suffix(".npz"), **{name: planned[name] for name in ("template_frame", "aperture")})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
