"""A report of each job, small enough for a browser to plot: what the models saw and heard, to explain a bad result.

It is written with an image of the template when the job has been planned, and kept as long as a result.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.alpha import over_colour
from digital_human.core.frame import Float32, Frame, yuv_to_rgb
from digital_human.core.types import SeenFaces
from digital_human.inspection import findings
from digital_human.media import VideoReader
from digital_human.pipeline.plan import RenderPlan
from digital_human.settings import Settings

log = logging.getLogger(__name__)

POINTS = 1500
"""Largest number of points of a curve; longer curves are thinned."""
PICTURE_HEIGHT = 240


def report_path(settings: Settings, task_id: str) -> Path:
    return settings.state_path / "reports" / f"{task_id}.json"


def picture_path(settings: Settings, task_id: str) -> Path:
    return report_path(settings, task_id).with_suffix(".jpg")


def write_report(settings: Settings, task_id: str, plan: RenderPlan, speech: Float32) -> None:
    """Write the report and the image. If that fails, the job goes on without."""
    try:
        path = report_path(settings, task_id)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(describe(plan, speech), separators=(",", ":")))
        picture_path(settings, task_id).write_bytes(thumbnail(plan.prepared.reader))
    except OSError as error:
        log.warning("no report was kept: %s", error)


def add_findings(settings: Settings, task_id: str, found: Sequence[Mapping[str, Any]]) -> None:
    """Add to the report what was found in the frames that were looked at, records of `Finding`."""
    try:
        path = report_path(settings, task_id)
        report = json.loads(path.read_text()) | {"inspection": findings.summary(found, settings.inspect)}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(report, separators=(",", ":")))
        part.replace(path)
    except (OSError, ValueError) as error:
        log.warning("what was found is not in the report: %s", error)


def describe(plan: RenderPlan, speech: Float32) -> dict[str, Any]:
    """Curves over the output's time, as lists of equally spaced values.

    waveform: largest magnitude, 0-1
    aperture: opening of the mouth over the widest of this job, 0-1
    faces:    [x, y, width, height] of the face in the template frame, in shares of the frame; null without a face
    scores:   of these faces, 0-1
    """
    info, track = plan.prepared.info, plan.prepared.template.track
    loudness = np.maximum.reduceat(np.abs(speech), _starts(len(speech)))
    shown = plan.frame_indices[thin(plan.length)]
    # With each coordinate of a face in a row, the reductions are seven times as fast.
    points = np.ascontiguousarray(track.landmarks[shown, :, :2].transpose(0, 2, 1))
    low, high = points.min(2), points.max(2)
    boxes = np.concatenate([low, high - low], 1) / np.tile([info.width, info.height], 2)
    aperture = plan.engine_plan.aperture
    return {
        "duration": round(float(plan.length / plan.info.fps), 3),
        "width": info.width,
        "height": info.height,
        "waveform": _rounded(loudness, 3),
        "aperture": None if aperture is None else _rounded(_normalised(aperture)[thin(plan.length)]),
        "faces": [box if here else None for box, here in zip(_rounded(boxes), track.present[shown], strict=True)],
        "scores": _rounded(track.score[shown]),
    }


def faces_seen(seen: SeenFaces | None) -> list[dict[str, float | bool]]:
    """Faces of a template from left to right, in fractions of the picture, and which of them speaks."""
    if seen is None:
        return []
    names = ("x", "y", "width", "height")
    return [
        {**dict(zip(names, box, strict=True)), "driven": index == seen.driven}
        for index, box in enumerate(_rounded(seen.boxes))
    ]


def thumbnail(reader: VideoReader) -> bytes:
    """The template's first frame as JPEG."""
    return jpeg(over_colour(reader.first_frame()), PICTURE_HEIGHT)


def jpeg(frame: Frame, height: int) -> bytes:
    """The frame as JPEG of this height."""
    size = (max(round(frame.width * height / frame.height), 1), height)
    small = cv2.merge([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in frame.planes])
    image = yuv_to_rgb(np.asarray(small, np.uint8), frame.matrix)
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def thin(count: int) -> npt.NDArray[np.int64]:
    """Indices of at most `POINTS` of `count` values."""
    return np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.int64)


def _starts(samples: int) -> npt.NDArray[np.int64]:
    """Indices of the samples at which the points of the waveform begin."""
    count = min(POINTS, samples)
    return np.arange(count) * samples // count


def _normalised(values: Float32) -> Float32:
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) / max(high - low, 1e-6), np.float32)


def _rounded(values: npt.ArrayLike, digits: int = 4) -> list[Any]:
    rounded: list[Any] = np.round(np.asarray(values, np.float64), digits).tolist()
    return rounded
