"""The real networks through a service that is killed in mid-job."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.frame import Frame
from digital_human.media import EncoderSettings, VideoReader, write_segment
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, leftovers


def content(path: Path) -> tuple[list[npt.NDArray[Any]], npt.NDArray[Any]]:
    """Decoded frames, and the samples of the sound."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        samples = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return frames, np.concatenate(samples, axis=1)


@pytest.mark.parametrize("other_encoder", [False, True])
def test_a_video_made_across_a_kill_is_the_one_made_in_one_go(
    own_media: Path, triton: TritonServer, other_encoder: bool
) -> None:
    settings: dict[str, Any] = {"triton_url": triton.url, "engine": "default", "segment_seconds": 0.4}
    first = Live(own_media, **settings).wait()
    whole = first.submit(save_path="whole.mp4").json()["data"]["task_id"]
    assert first.until(whole, "succeeded")["result"]["frames"] == 50
    task_id = first.submit(save_path="resumed.mp4").json()["data"]["task_id"]
    folder = own_media / ".state" / "jobs" / task_id
    while not (folder / "segment-00001.mp4").exists():
        assert first.task(task_id)["ended"] is None
        time.sleep(0.02)
    first.kill()
    recorded = {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("segment-*.mp4"))[:-1]}
    assert recorded and not (own_media / "resumed.mp4").exists()

    if other_encoder:
        # As a machine leaves it that has another encoder than the one which goes on: the two cannot be joined.
        info = VideoReader(folder / "segment-00000.mp4").info
        grey = Frame(np.full((info.height * 3 // 2, info.width), 128, np.uint8), "bt709")
        write_segment(folder / "segment-00000.mp4", [grey] * 10, info, EncoderSettings("medium"))
        recorded.pop("segment-00000.mp4")

    with Live(own_media, helpers=1, **settings) as second:
        while not (folder / "segment-00003.mp4").exists():
            assert second.task(task_id)["ended"] is None
            time.sleep(0.02)
        assert {name: (folder / name).stat().st_mtime_ns for name in recorded} == recorded
        second.until(task_id, "succeeded")
    frames, sound = content(own_media / "whole.mp4")
    frames_again, sound_again = content(own_media / "resumed.mp4")
    assert len(frames_again) == len(frames) == 50
    assert [k for k in range(50) if not np.array_equal(frames[k], frames_again[k])] == []
    assert np.array_equal(sound, sound_again)
    assert leftovers(own_media) == []
