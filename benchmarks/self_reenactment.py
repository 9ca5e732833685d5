"""A person rendered with their own mouth of another time: what the renderer loses when nothing else can be wrong.

The first half of a template gives the exemplars and the frames that are changed; the second is the truth, and its own
measured opening and width drive the mouth. Every frame of the truth is rendered on the frame of the first half whose
head is posed most alike, and compared about the mouth, heads held level and in place, before any encoding. Beside it:
that frame with the mouth left as it is, and with a rectangle about the first half's most alike mouth pasted on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import lip_metrics
from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame, crop, paste
from digital_human.core.types import FaceTrack, Models, Template
from digital_human.engines.base import slice_plan
from digital_human.engines.exemplar import head_pose, lip_geometry
from digital_human.engines.exemplar.atlas import Atlas, corner
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.engines.exemplar.native import arrange
from digital_human.media import VideoReader
from digital_human.tracking.tracker import track_face

METHODS = ("left as it is", "pasted", "engine")
BATCH = 16
PATCH_HALF = 0.45
"""Half the side of the pasted rectangle, in inter-ocular distances."""


@dataclass(frozen=True)
class Row:
    """psnr in dB, ssim: of luma about the mouth; mouth: ssim of the part of it that the true lips fill; lips: mean
    distance of the lips' landmarks, heads held in one pose, in hundredths of the inter-ocular distance. changed: pixels
    outside the crop rendered on that differ; 0 is asked for."""

    template: str
    method: str
    frames: int
    psnr: float
    ssim: float
    mouth: float
    lips: float
    changed: int


def reenact(path: Path, models: Models) -> list[Row]:
    """One row a method; none where the first half of the clip does not talk."""
    reader = VideoReader(path)
    frames = list(reader.frames())
    half = len(frames) // 2
    track, truth = track_face(frames[:half], models), frames[half:]
    first = frames[0]
    template = Template(first.width, first.height, Fraction(reader.info.fps), half, track, lambda: iter(frames[:half]))
    engine = DefaultEngine()
    analysis = engine.analyse(template, models)
    if str(analysis["kind"]) != "exemplar":
        return []
    atlas = Atlas.from_arrays(analysis)
    seen = lip_metrics.see(truth, models, float(reader.info.fps))
    frame_indices = _alike(atlas.reference, track, seen.points)
    aperture, width = seen.aperture.astype(np.float32), seen.width.astype(np.float32)
    plan = arrange(atlas, aperture, width, frame_indices)
    shown = [frames[k] for k in frame_indices]
    rendered: list[Frame] = []
    for start in range(0, len(frame_indices), BATCH):
        part = slice(start, start + BATCH)
        sliced = slice_plan(plan, np.arange(len(frame_indices))[part])
        rendered += engine.render(template, analysis, sliced, shown[part], models)
    pasted = _pasted(shown, frames, track, frame_indices, _most_alike_mouth(track, aperture, width))
    rows = []
    for method, result in zip(METHODS, (shown, pasted, rendered), strict=True):
        changed = _changed_outside(shown, result, track.landmarks[frame_indices], atlas) if method == "engine" else 0
        rows.append(Row(path.stem, method, len(truth), *_compare(result, truth, seen, models), changed))
    return rows


def _alike(reference: Float32, track: FaceTrack, points: Float32) -> npt.NDArray[np.int64]:
    """Frame of the track whose head is turned most as in each of `points`, [n]."""
    turns = [head_pose.fit(reference, p).rotation.reshape(-1, 9) for p in (track.landmarks, points)]
    return np.linalg.norm(turns[1][:, None] - turns[0], axis=2).argmin(1).astype(np.int64)  # type: ignore[no-any-return]


def _most_alike_mouth(track: FaceTrack, aperture: Float32, width: Float32) -> npt.NDArray[np.int64]:
    own = np.stack([lip_geometry.aperture(track.landmarks), lip_geometry.width(track.landmarks)], 1)
    wanted = np.stack([aperture, width], 1)
    return np.abs(wanted[:, None] - own).sum(2).argmin(1).astype(np.int64)  # type: ignore[no-any-return]


def _pasted(
    shown: Sequence[Frame],
    frames: Sequence[Frame],
    track: FaceTrack,
    frame_indices: npt.NDArray[np.int64],
    mouth: npt.NDArray[np.int64],
) -> list[Frame]:
    """The frames shown, each with the rectangle about another frame's mouth laid over its own."""
    side = int(PATCH_HALF * float(np.median(lip_geometry.interocular(track.landmarks)))) // 2 * 4
    to, at = (corner(track.landmarks[which], side, side) for which in (frame_indices, mouth))
    results = []
    for frame, source, (x, y), (u, v) in zip(shown, (frames[k] for k in mouth), to, at, strict=True):
        out = frame.copy()
        before = crop(frame, int(x), int(y), side, side)
        paste(out, before, crop(source, int(u), int(v), side, side), int(x), int(y))
        results.append(out)
    return results


def _changed_outside(shown: Sequence[Frame], rendered: Sequence[Frame], points: Float32, atlas: Atlas) -> int:
    """Pixels of luma that differ outside the crop the engine draws on."""
    rows, columns = int(atlas.size[0]), int(atlas.size[1])
    changed = 0
    for before, after, (x, y) in zip(shown, rendered, corner(points, rows, columns), strict=True):
        outside = before.planes[0] != after.planes[0]
        outside[max(y, 0) : max(y + rows, 0), max(x, 0) : max(x + columns, 0)] = False
        changed += int(outside.sum())
    return changed


def _compare(
    result: list[Frame], truth: Sequence[Frame], seen: lip_metrics.Seen, models: Models
) -> tuple[float, float, float, float]:
    """psnr, ssim, mouth and lips of `Row`."""
    found = lip_metrics.see(result, models, seen.fps).points
    size = max(int(float(np.median(lip_geometry.interocular(seen.points))) * 0.95) // 2 * 2, 16)
    psnr, ssim, mouth = [], [], []
    for frame, points, other, own in zip(result, found, truth, seen.points, strict=True):
        pair = [
            lip_metrics.patch(f, p, float(lip_geometry.interocular(p)), size).astype(np.float32)
            for f, p in ((frame, points), (other, own))
        ]
        psnr.append(10 * np.log10(219**2 / max(float(((pair[0] - pair[1]) ** 2).mean()), 1e-6)))
        likeness = _ssim(*pair)
        ssim.append(likeness.mean())
        mouth.append(likeness[_lips_of(own, size)].mean())
    reference = head_pose.canonical_face(seen.points)
    shapes = [head_pose.fit(reference, p).to_shape(p)[:, mesh.LIPS, :2] for p in (found, seen.points)]
    lips = np.linalg.norm(shapes[0] - shapes[1], axis=2).mean() * 100
    return float(np.mean(psnr)), float(np.mean(ssim)), float(np.mean(mouth)), float(lips)


def _lips_of(points: Float32, size: int) -> npt.NDArray[np.bool_]:
    """bool [size, size]: the lips, what is between them, and a rim of a tenth of an eye distance, in a patch."""
    unit = float(lip_geometry.interocular(points))
    lips = cv2.transform(points[None, mesh.LIPS, :2].astype(np.float64), lip_metrics.place(points, unit, size))[0]
    mask = cv2.fillConvexPoly(np.zeros((size, size), np.uint8), cv2.convexHull(lips.round().astype(np.int32)), (1,))
    rim = int(unit * 0.1)
    return cv2.dilate(mask, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)).astype(bool)


def _ssim(first: Float32, second: Float32) -> npt.NDArray[np.float64]:
    """Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) of every pixel, with their Gaussian window, luma of
    range 219."""

    def mean(image: Float32) -> npt.NDArray[np.float64]:
        return cv2.GaussianBlur(image.astype(np.float64), (11, 11), 1.5)  # type: ignore[return-value]

    a, b = mean(first), mean(second)
    vary = mean(first**2) - a**2 + mean(second**2) - b**2
    together = mean(first * second) - a * b
    c1, c2 = (0.01 * 219) ** 2, (0.03 * 219) ** 2
    return (2 * a * b + c1) * (2 * together + c2) / ((a**2 + b**2 + c1) * (vary + c2))


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line a template and method, then the means."""
    lines = [
        "| template | method | PSNR, dB | SSIM | SSIM of the mouth | lips, % of eyes | pixels changed outside |",
        "| --- " * 7 + "|",
    ]
    for method in METHODS if rows else ():
        part = [row for row in rows if row.method == method]
        psnr, ssim, mouth, lips = (
            float(np.mean([getattr(row, name) for row in part])) for name in ("psnr", "ssim", "mouth", "lips")
        )
        rows = [*rows, Row("mean", method, 0, psnr, ssim, mouth, lips, sum(row.changed for row in part))]
    for row in rows:
        changed = str(row.changed) if row.method == "engine" else ""
        lines.append(
            f"| {row.template} | {row.method} | {row.psnr:.1f} | {row.ssim:.2f} | {row.mouth:.2f} | {row.lips:.1f} "
            f"| {changed} |"
        )
    return "\n".join(lines) + "\n"
