"""Rest before and after a speech: the audio is padded, and the mouth is shut."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from digital_human.client import Client
from tests.live_service import Live
from tests.result.made import make, refused, sound_of

RATE = 16000


def test_silence_is_put_around_the_speech(plain: Live) -> None:
    _, without = make(plain)
    path, task = make(plain, lead_in=0.4, lead_out=0.6)
    assert task["result"]["frames"] == without["result"]["frames"] + 25
    sound, speech = sound_of(path, RATE), sound_of(plain.base / "speech.wav", RATE)
    start = round(0.4 * RATE)
    assert np.abs(sound[: start - 400]).max() < 1e-3 and np.abs(sound[start + len(speech) + 400 :]).max() < 1e-3
    among = sound[start : start + len(speech)]
    assert np.corrcoef(among, speech)[0, 1] > 0.98


def test_the_mouth_rests_meanwhile(address: str, samples: Path, voice: Path, tmp_path: Path) -> None:
    with Client(address) as client:
        task = client.generate(samples / "template.mkv", voice, tmp_path / "out.mp4", lead_in=0.8, lead_out=0.8)
        report = json.loads(httpx.get(f"{address}/human/tasks/{task.id}/report").text)
    aperture = np.array(report["aperture"])
    assert len(aperture) == 80
    # The lips begin to part, and end to close, a little outside of the speech.
    assert aperture[:15].max() < 0.2 and aperture[-12:].max() < 0.2 < aperture[20:60].max()


@pytest.mark.parametrize("options", [{"lead_in": -0.5}, {"lead_out": 31}, {"lead_in": float("nan")}])
def test_a_rest_that_cannot_be_is_refused(plain: Live, options: dict[str, float]) -> None:
    if np.isnan(next(iter(options.values()))):
        body = '{"audio_path": "speech.wav", "video_path": "template.mkv", "mode": "async", "lead_in": NaN}'
        answer = plain.client.post("/human/generate", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]) == (400, "lead_out_of_range")
        return
    assert refused(plain, **options)[:2] == (400, "lead_out_of_range")
