"""What the networks made of a job, small enough for a browser to plot: so that a bad result can be understood.

Written beside the job's state when it has been planned, with a picture of its template, and kept as long as a result.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, yuv_to_rgb
from digital_human.pipeline.pipeline import RenderPlan
from digital_human.settings import Settings

log = logging.getLogger(__name__)

POINTS = 1500
"""Most that a curve has; longer ones are thinned."""
PICTURE_HEIGHT = 240


def report_path(settings: Settings, task_id: str) -> Path:
    return settings.state_path / "reports" / f"{task_id}.json"


def picture_path(settings: Settings, task_id: str) -> Path:
    return report_path(settings, task_id).with_suffix(".jpg")


def keep(settings: Settings, task_id: str, plan: RenderPlan, speech: Float32) -> None:
    """Write the report and the picture. A job does not fail for want of them."""
    try:
        path = report_path(settings, task_id)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(describe(plan, speech), separators=(",", ":")))
        picture_path(settings, task_id).write_bytes(picture(plan))
    except OSError as error:
        log.warning("no report was kept: %s", error)


def describe(plan: RenderPlan, speech: Float32) -> dict[str, Any]:
    """Curves over the output's time, all of them lists of equally spaced values.

    waveform: largest magnitude, 0-1            aperture: opening of the mouth, 1 being the widest of this job
    faces:    [x, y, width, height] of the face in the template frame shown, in shares of the picture; null without
    """
    info, track = plan.prepared.info, plan.prepared.template.track
    loudness = np.maximum.reduceat(np.abs(speech), _starts(len(speech)))
    shown = plan.frame_indices[thin(plan.length)]
    # Laid out so that each coordinate of a face is a row: that is seven times as quick.
    points = np.ascontiguousarray(track.landmarks[shown, :, :2].transpose(0, 2, 1))
    low, high = points.min(2), points.max(2)
    boxes = np.concatenate([low, high - low], 1) / np.tile([info.width, info.height], 2)
    aperture = plan.engine_plan.aperture
    return {
        "duration": round(float(plan.length / info.fps), 3),
        "width": info.width,
        "height": info.height,
        "waveform": _rounded(loudness, 3),
        "aperture": None if aperture is None else _rounded(_normalised(aperture)[thin(plan.length)]),
        "faces": [box if here else None for box, here in zip(_rounded(boxes), track.present[shown], strict=True)],
        "scores": _rounded(track.score[shown]),
    }


def picture(plan: RenderPlan) -> bytes:
    """JPEG of the template's first picture."""
    frame = plan.prepared.reader.first_frame()
    size = (max(round(frame.width * PICTURE_HEIGHT / frame.height), 1), PICTURE_HEIGHT)
    small = cv2.merge([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in frame.planes])
    image = yuv_to_rgb(np.asarray(small, np.uint8), frame.matrix)
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def thin(count: int) -> npt.NDArray[np.int64]:
    """Indices of at most `POINTS` of `count` values."""
    return np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.int64)


def _starts(samples: int) -> npt.NDArray[np.int64]:
    """Where the stretches begin that each become a point of the waveform."""
    count = min(POINTS, samples)
    return np.arange(count) * samples // count


def _normalised(values: Float32) -> Float32:
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) / max(high - low, 1e-6), np.float32)


def _rounded(values: npt.ArrayLike, digits: int = 4) -> list[Any]:
    rounded: list[Any] = np.round(np.asarray(values, np.float64), digits).tolist()
    return rounded
