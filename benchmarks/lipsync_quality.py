"""How well the mouths move: the engine measured with videos, on people its audio network may not know.

    python -m benchmarks.lipsync_quality --clips CLIP... --templates VIDEO... [--pictures PICTURE...]
                                         [--speech-network model.onnx] --out FOLDER

Every clip's sound drives the template of a *different* person through the service's own pipeline and Triton; the
output is measured by the face mesh and compared with the lips of the clip. Rows are written as they come to
FOLDER/rows.json; FOLDER/table.md is the table, and a contact sheet is written for each output. Last, every template is
drawn with its own mouth of another time (`benchmarks.self_reenactment`), and the pictures speak
(`benchmarks.still_images`).

Baselines drive the same renderer with other curves: `loudness` of the sound, and `visemes`, hand-set openings of the
phonemes that the network recognises.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks import lip_metrics, self_reenactment, still_images
from benchmarks.chroma_fidelity import LEAST_PSNR, psnr_outside
from benchmarks.pipeline_fixture import pipeline_context
from digital_human.core.frame import Float32
from digital_human.core.types import Models
from digital_human.engines.exemplar import speech_to_lips
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.media.contact_sheet import write_contact_sheet
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.pipeline import RenderJob, generate_video

GROUPS = {"natural": ("hdtf", "congress", "whitehouse", "wda", "rd", "address", "retalking")}
"""Clips whose names begin so are natural speech, compared at their own constant offset; all others are GRID's."""
LARGEST_OFFSET = 6
MEANS = ("sync", "second", "width", "range", "sharpness", "flicker", "steadiness", "chroma")
COLUMNS = ("sync r", "second r", "width r", "range", "sharpness", "flicker", "steadiness", "chroma dB")
VISEMES = np.array(
    [0, 1, 0.65, 0.45, 0.3, 0.8, 0.55, 0.25, 0.3, -0.1, 0.05, 0.2, 0.22, 0.15, 0.2, 0.3, 0.25, 0.25, 0.12], np.float32
)
"""Openings by hand of the network's phoneme classes, silence first; see `export.networks.speech_to_lips.PHONEMES`."""


@dataclass(frozen=True)
class Row:
    """One clip on one template, for one engine or baseline; second, sync by the second ruler, may be nan; chroma, PSNR
    in dB outside the lower face, see `benchmarks.chroma_fidelity`."""

    method: str
    clip: str
    template: str
    group: str
    sync: float
    second: float
    offset: int
    lags: list[float]
    width: float
    range: float
    sharpness: float
    flicker: float
    steadiness: float
    chroma: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--templates", type=Path, nargs="+", required=True)
    parser.add_argument("--talkers", type=Path, nargs="*", default=[], help="more videos for the self-reenactment")
    parser.add_argument("--pictures", type=Path, nargs="*", default=[], help="still images that are to speak")
    parser.add_argument("--speech-network", type=Path, help="another model.onnx in place of the shipped one")
    parser.add_argument("--methods", nargs="+", default=["engine", "visemes", "loudness"])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with pipeline_context(options.out, options.speech_network) as context:
        models = context.models
        templates = {path: lip_metrics.measure(path, models) for path in options.templates}
        for number, clip in enumerate(options.clips):
            truth = lip_metrics.measure(clip, models)
            template = partner(clip, options.templates, number)
            for method in options.methods:
                row = draw(method, clip, template, truth, templates[template], options.out, context)
                rows.append(row)
                print(json.dumps({k: v for k, v in asdict(row).items() if k != "lags"}), flush=True)
                (options.out / "rows.json").write_text(json.dumps([asdict(r) for r in rows], indent=1))
        speaking = still_images.measure_all(options.pictures, options.clips, context, options.out)
        again = [row for path in (*templates, *options.talkers) for row in self_reenactment.reenact(path, models)]
    (options.out / "reenactment.json").write_text(json.dumps([asdict(row) for row in again], indent=1))
    tables = "\n".join([table(rows), self_reenactment.table(again), still_images.table(speaking)])
    (options.out / "table.md").write_text(tables)
    print(tables)
    spoiled = [f"{row.clip} on {row.template}" for row in rows if row.chroma < LEAST_PSNR]
    if spoiled:
        raise SystemExit(f"colours outside the mouth are below {LEAST_PSNR:g} dB: {', '.join(spoiled)}")


def draw(
    method: str,
    clip: Path,
    template: Path,
    truth: lip_metrics.Seen,
    own: lip_metrics.Seen,
    out: Path,
    context: PipelineContext,
) -> Row:
    """Drive a template by a clip's sound, and measure. truth, own: what is seen of the clip and of the template"""
    output = out / f"{method}_{clip.stem}_on_{template.stem}.mp4"
    with _driven_by(method):
        generate_video(RenderJob(clip, template, output), DefaultEngine(), context)
    seen = lip_metrics.measure(output, context.models)
    _sheet(out / f"sheet_{output.stem}.png", output, seen)
    return compare(method, clip, template, truth, own, seen, psnr_outside(output, template, seen.box))


def person(path: Path) -> str:
    """Who it is: GRID names begin with the talker; those of unknown talkers are distinguished by their sentence."""
    first, _, rest = path.stem.partition("_")
    return rest if first in ("x", "grid") else first


def partner(clip: Path, templates: Sequence[Path], number: int) -> Path:
    """The next template, in turn, of somebody else."""
    others = [t for t in templates if person(t) != person(clip)]
    return others[number % len(others)]


def compare(
    method: str,
    clip: Path,
    template: Path,
    truth: lip_metrics.Seen,
    own: lip_metrics.Seen,
    output: lip_metrics.Seen,
    chroma: float,
) -> Row:
    count = len(output.aperture)
    lips = lip_metrics.resample(truth.aperture, truth.fps, count, output.fps)
    corners = lip_metrics.resample(truth.width, truth.fps, count, output.fps)
    natural = clip.stem.startswith(GROUPS["natural"])
    lags = [lip_metrics.correlation(output.aperture, lips, lag) for lag in range(-LARGEST_OFFSET, LARGEST_OFFSET + 1)]
    offset = int(np.argmax(lags)) - LARGEST_OFFSET if natural else 0
    return Row(
        method=method,
        clip=clip.stem,
        template=template.stem,
        group="natural" if natural else "grid",
        sync=lags[offset + LARGEST_OFFSET],
        second=_second(output, truth, offset),
        offset=offset,
        lags=lags,
        width=lip_metrics.correlation(output.width, corners, offset),
        range=float(np.percentile(output.aperture, 95) / np.percentile(own.aperture, 95)),
        sharpness=_at_like_openings(output, own),
        flicker=lip_metrics.flicker(output, own),
        steadiness=float((output.jitter / own.jitter).mean()),
        chroma=chroma,
    )


def _second(output: lip_metrics.Seen, truth: lip_metrics.Seen, offset: int) -> float:
    if output.second is None or truth.second is None:
        return float("nan")
    lips = lip_metrics.resample(truth.second, truth.fps, len(output.second), output.fps)
    return lip_metrics.correlation(output.second, lips, offset)


def _at_like_openings(output: lip_metrics.Seen, own: lip_metrics.Seen) -> float:
    """Sharpness over the template's own at the same openings: an open mouth has more edges than a shut one."""
    by_aperture = np.argsort(own.aperture)
    usual = np.interp(output.aperture, own.aperture[by_aperture], _running_mean(own.sharpness[by_aperture], 9))
    return float(output.sharpness.mean() / usual.mean())


def _running_mean(values: lip_metrics.Curve, width: int) -> lip_metrics.Curve:
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), "valid")


@contextmanager
def _driven_by(method: str) -> Iterator[None]:
    """Put a baseline's curve in the place of the network's; the renderer does not know."""
    if method == "engine":
        yield
        return
    curves = {"loudness": _loudness, "visemes": _visemes}[method]
    with mock.patch.object(speech_to_lips, "predict_lips", curves):
        yield


def _loudness(audio: Float32, count: int, fps: object, models: Models) -> speech_to_lips.LipCurves:
    step = len(audio) / count
    level = [np.log10(np.sqrt((audio[int(k * step) : int((k + 1) * step)] ** 2).mean()) + 1e-3) for k in range(count)]
    curve = np.convolve(np.pad(np.array(level), 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    return _as_speech((curve - curve.mean()) / (curve.std() + 1e-6))


def _visemes(audio: Float32, count: int, fps: object, models: Models) -> speech_to_lips.LipCurves:
    phonemes = models.infer(speech_to_lips.MODEL, {"audio": audio[None]}, ("phonemes",))["phonemes"][0].astype(
        np.float32
    )
    curve = np.convolve(phonemes @ VISEMES, np.hanning(13) / 6, "same")
    at = (np.arange(count) + 0.5) * len(curve) / count - 0.5
    curve = np.interp(at, np.arange(len(curve)), curve)
    return _as_speech((curve - curve.mean()) / (curve.std() + 1e-6))


def _as_speech(curve: lip_metrics.Curve) -> speech_to_lips.LipCurves:
    nothing = np.zeros(len(curve), np.float32)
    return speech_to_lips.LipCurves(curve.astype(np.float32), nothing, nothing)


def _sheet(target: Path, video: Path, seen: lip_metrics.Seen) -> None:
    """Two seconds of lower faces."""
    shown = [(k, f"{k}") for k in range(10, min(60, len(seen.aperture)))]
    write_contact_sheet(video, target, shown, seen.box, columns=10, width=150)


def table(rows: Sequence[Row]) -> str:
    """Markdown: one line a method and group of clips, then the engine's clips."""
    head = _line(["method", "clips", "sync r", "peak lag", *COLUMNS[1:-3], "flicker mean / worst", *COLUMNS[-2:]])
    lines = [head, "| --- " * (head.count("|") - 1) + "|"]
    for method in dict.fromkeys(row.method for row in rows):
        for group in ("grid", "natural"):
            part = [row for row in rows if row.method == method and row.group == group]
            if not part:
                continue
            means = {name: float(np.mean([getattr(row, name) for row in part])) for name in MEANS}
            peak = int(np.argmax(np.mean([row.lags for row in part], axis=0))) - LARGEST_OFFSET
            cells = [f"{method}", f"{group} ({len(part)})", *(f"{value:.2f}" for value in means.values())]
            cells.insert(3, f"{peak:+d}")
            cells[-3] += f" / {max(row.flicker for row in part):.2f}"
            lines.append(_line(cells))
    engine = [row for row in rows if row.method == "engine"]
    names = ["clip", "template", "sync r", "offset", *COLUMNS[1:]]
    lines += ["", _line(names), "| --- " * len(names) + "|"]
    for row in engine:
        cells = [row.clip, row.template, *(f"{getattr(row, name):.2f}" for name in MEANS)]
        cells.insert(3, f"{row.offset:+d}")
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
