"""Making a video in tests, and taking it apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Frame
from digital_human.media import VideoReader
from digital_human.media.audio import decode_audio
from tests.live_service import Live, leftovers


def make(live: Live, name: str = "out.mp4", **options: object) -> tuple[Path, dict[str, Any]]:
    """The file of a video with these options, and its task."""
    answer = live.submit(save_path=name, **options)
    assert answer.status_code == 202, answer.text
    task = live.until(answer.json()["data"]["task_id"], "succeeded")
    return live.base / name, task


def refused(live: Live, **options: object) -> tuple[int, str, str]:
    """Status, name and message of the error that a request, or its job, ends with. It leaves nothing."""
    (live.base / "refused.mp4").unlink(missing_ok=True)
    answer = live.submit(save_path="refused.mp4", **options)
    error = answer.json()
    if answer.status_code == 202:
        error = live.until(error["data"]["task_id"], "failed")["error"]
    assert not (live.base / "refused.mp4").exists() and leftovers(live.base) == []
    return error["code"], error["error"], error["message"]


def frames_of(path: Path) -> list[Frame]:
    return list(VideoReader(path).frames())


def sound_of(path: Path, rate: int = 16000) -> npt.NDArray[Any]:
    """float32 [samples], mono."""
    sound: npt.NDArray[Any] = np.concatenate(list(decode_audio(path, rate, "mono")), axis=1)[0]
    return sound


def difference(frame: Frame, other: Frame) -> float:
    """Mean difference of luma, levels."""
    return float(np.abs(frame.planes[0].astype(int) - other.planes[0]).mean())


def shown(frames: Sequence[Frame], of: Sequence[Frame]) -> list[int]:
    """For each frame, the index of the one of `of` that it looks like most."""
    return [int(np.argmin([difference(frame, other) for other in of])) for frame in frames]
