"""Pictures that speak: does the mouth open as far as planned, and does a shut one stay shut?

    python -m benchmarks.still_images --pictures PICTURE... --clips CLIP... --out FOLDER

The clips' sounds drive the pictures in turn, through the service's own pipeline and Triton, and what is drawn is
measured before it is encoded. A contact sheet is written for each picture; `benchmarks.lipsync_quality` takes
`--pictures` as well.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import lip_metrics
from benchmarks.pipeline_fixture import pipeline_context
from digital_human.core.frame import Frame, crop, yuv_to_rgb
from digital_human.engines.exemplar.donor import engine as donor
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.pipeline import RenderJob, decode_speech
from digital_human.pipeline.plan import bind_plan, plan_frames
from digital_human.pipeline.render import render_frames
from digital_human.pipeline.templates import prepare_template

COLUMNS, SHOWN, WIDTH = 10, 50, 150
"""Of a contact sheet: tiles a row, tiles, and pixels of a tile."""


@dataclass(frozen=True)
class Row:
    """sync, second: Pearson's r of the aperture seen by each ruler with the one asked for, at lag 0
    range: 95th percentile of what is seen to open beyond the picture's own, over what was asked for
    kept:  share of the frames to be shut that are the picture, byte for byte; nan for lips that are apart in it
    step:  largest change of the mouth from one frame to the next, over the largest that its change of aperture explains
    """

    picture: str
    clip: str
    frames: int
    sync: float
    second: float
    range: float
    kept: float
    step: float


def measure(picture: Path, clip: Path, context: PipelineContext, out: Path) -> Row:
    engine = DefaultEngine()
    job = RenderJob(clip, picture, out / "unused.mp4")
    prepared = prepare_template(job.video, engine, context, lambda share: None)
    planned = plan_frames(prepared, decode_speech(job, context), engine, context, job.options)
    render_plan = bind_plan(planned, prepared, context, job.options)
    frames = list(render_frames(render_plan, engine, context, 0, render_plan.length))
    if str(prepared.analysis["kind"]) != "donor":
        raise ValueError(f"{picture}: this template opens its mouth, it is none for this benchmark")
    asked = np.asarray(render_plan.engine_plan.aperture, float)
    seen = lip_metrics.see(frames, context.models, float(prepared.info.fps))
    rest, shut = float(prepared.analysis["rest"][0]), float(np.asarray(prepared.analysis["limits"])[0])
    original = next(iter(prepared.template.frames()))
    still = np.array([np.array_equal(frame.data, original.data) for frame in frames])
    closed = asked - shut <= donor.SHUT
    opened = [float(np.percentile(curve, 95)) - shut for curve in (seen.aperture, asked)]
    _sheet(out / f"sheet_{picture.stem}.png", frames, asked, seen.box)
    return Row(
        picture=picture.stem,
        clip=clip.stem,
        frames=len(frames),
        sync=lip_metrics.correlation(seen.aperture, asked),
        second=float("nan") if seen.second is None else lip_metrics.correlation(seen.second, asked),
        range=opened[0] / opened[1],
        kept=float(still[closed].mean()) if closed.any() and rest <= donor.PARTED else float("nan"),
        step=_step(seen.change, asked),
    )


def _step(change: lip_metrics.Curve, asked: lip_metrics.Curve) -> float:
    """A mouth that changes by itself, as teeth would that jump, changes more than its movement explains."""
    move = np.abs(np.diff(asked))
    slope = float((move * change).sum() / (move**2).sum())
    return float(change.max() / (slope * move.max()))


def _sheet(target: Path, frames: Sequence[Frame], asked: lip_metrics.Curve, box: tuple[int, int, int, int]) -> None:
    """Lower faces, evenly through the speech, with the aperture asked for in hundredths of the eye distance."""
    x, y, width, height = box
    tiles: list[npt.NDArray[np.uint8]] = []
    for k in np.linspace(0, len(frames) - 1, SHOWN).round().astype(int):
        part = yuv_to_rgb(crop(frames[k], x, y, width, height), frames[k].matrix)[..., ::-1]
        tile = cv2.resize(part, (WIDTH, WIDTH * height // width), interpolation=cv2.INTER_AREA)
        cv2.putText(tile, f"{k}: {asked[k] * 100:.0f}", (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 255, 255))
        tiles.append(np.asarray(tile, np.uint8))
    rows = [np.concatenate(tiles[k : k + COLUMNS], axis=1) for k in range(0, SHOWN, COLUMNS)]
    cv2.imwrite(str(target), np.concatenate(rows))


def measure_all(pictures: Sequence[Path], clips: Sequence[Path], context: PipelineContext, out: Path) -> list[Row]:
    rows = []
    for number, picture in enumerate(pictures):
        rows.append(measure(picture, clips[number % len(clips)], context, out))
        print(json.dumps(asdict(rows[-1])), flush=True)
    return rows


def table(rows: Sequence[Row]) -> str:
    """Markdown, a line a picture."""
    lines = ["| picture | clip | r | second r | range | shut frames kept | step |", "| --- " * 7 + "|"]
    for row in rows:
        kept = "" if np.isnan(row.kept) else f"{row.kept:.0%}"
        values = f"{row.sync:.2f} | {row.second:.2f} | {row.range:.2f} | {kept} | {row.step:.2f}"
        lines.append(f"| {row.picture} | {row.clip} | {values} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, nargs="+", required=True)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with pipeline_context(options.out) as context:
        print(table(measure_all(options.pictures, options.clips, context, options.out)))


if __name__ == "__main__":
    main()
