"""Small files that would take hours, gigabytes or the encoder with them are refused, or done in passing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from digital_human.core.frame import Frame, crop, yuv_to_rgb
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, leftovers
from tests.media.factory import click, greys, leaping, write_clip, write_float_wav, write_sound


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    with Live(media, triton_url=triton.url, max_audio_seconds=30, max_template_seconds=100, retries=0) as live:
        yield live


def refused(live: Live, **fields: object) -> str:
    """The reason why a job of these inputs ends with 400."""
    answer = live.submit(mode="sync", save_path="hostile.mp4", **fields)
    assert answer.status_code == 400, answer.text
    assert leftovers(live.base) == [] and not (live.base / "hostile.mp4").exists()
    message: str = answer.json()["message"]
    return message


def test_a_time_stamp_that_leaps_ahead_is_refused(live: Live) -> None:
    clip = write_clip(live.base / "leap.mp4", greys(12, 128, 128), options={"crf": "20", "bf": "2"})
    leaping(clip, seconds=71_582)
    assert refused(live, video_path="leap.mp4") == "video_path: the template is longer than 100 s"


def test_a_long_gap_that_is_allowed_is_passed_over(live: Live, template_frames: list[Frame]) -> None:
    pictures = [
        yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix) for frame in template_frames[:12]
    ]
    times = [k * 0.04 for k in range(10)] + [20.0, 20.04]
    write_clip(live.base / "gap.mp4", pictures, times=times)  # 500 frames at its rate
    task_id = live.submit(video_path="gap.mp4").json()["data"]["task_id"]
    assert live.until(task_id, "succeeded", seconds=600)["result"]["frames"] > 1


def test_pixels_are_counted_as_they_will_be_made(live: Live) -> None:
    picture = np.zeros((9216, 1024, 3), np.uint8)
    write_clip(live.base / "wide.mp4", [picture], aspect=Fraction(16), options={"preset": "ultrafast"})
    reason = refused(live, video_path="wide.mp4")
    assert reason == f"video_path: a picture of 16384x9216 has more than {4096 * 2304} pixels"


def test_a_long_speech_is_refused(live: Live) -> None:
    write_sound(live.base / "hours.flac", np.zeros((1, 31 * 16000), np.float32), 16000, "flac")
    assert refused(live, audio_path="hours.flac") == "audio_path: the speech is longer than 30 s"


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_numbers_that_are_no_sound_are_refused_before_anything_is_made(live: Live, value: float) -> None:
    sound = click(1, 0.5, 16000)
    sound[0, 9000] = value
    write_float_wav(live.base / "strange.wav", sound, 16000)
    task_id = live.submit(audio_path="strange.wav", save_path="hostile.mp4").json()["data"]["task_id"]
    task = live.until(task_id, "failed")
    assert task["error"]["code"] == 400 and "no sound" in task["error"]["message"]
    assert task["stage"] in (None, "prepare") and task["progress"] < 0.2


def test_a_sound_of_one_sample_a_second_is_refused(live: Live) -> None:
    write_float_wav(live.base / "slow.wav", np.zeros(10), 1)
    assert refused(live, audio_path="slow.wav") == "audio_path: a sample rate of 1 Hz cannot be used"
