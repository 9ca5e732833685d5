"""What callers see while Triton starts, and when it dies in mid-job."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from digital_human.api import create_app
from digital_human.media import VideoReader, read_speech
from digital_human.runtime.context import make_folders
from digital_human.runtime.triton import triton_for
from digital_human.service import running, running_on
from digital_human.settings import Settings
from tests.live_service import eventually
from tests.media.factory import write_sound

if TYPE_CHECKING:
    import httpx2  # what Starlette's client answers with; it wants Python 3.11


@pytest.fixture
def base(tmp_path: Path, samples: Path) -> Path:
    shutil.copy(samples / "template.mkv", tmp_path / "template.mkv")
    speech = read_speech(samples / "speech.wav")
    write_sound(tmp_path / "long.wav", speech[None, : int(4.5 * 16000)], 16000)
    return tmp_path


def generate(client: TestClient, save: str) -> httpx2.Response:
    body = {"audio_path": "long.wav", "video_path": "template.mkv", "save_path": save}
    response: httpx2.Response = client.post("/human/generate", json=body)
    return response


@pytest.mark.slow
def test_a_job_outlives_the_death_of_triton(base: Path) -> None:
    settings = Settings(base_path=base, encoder_preset="ultrafast", batch_size=4)
    with TestClient(
        create_app(settings, partial(running, settings)), "http://127.0.0.1", raise_server_exceptions=False
    ) as client:
        service = client.app.state.service  # type: ignore[attr-defined]
        answers = []
        job = threading.Thread(target=lambda: answers.append(generate(client, "k.mp4")))
        job.start()
        eventually(lambda: any(base.glob(".state/jobs/*/segment-*")))
        os.kill(service.triton.pid, signal.SIGKILL)
        job.join(120)
        assert not job.is_alive()
        answer = answers[0]
        if answer.status_code == 200:
            assert abs(len(list(VideoReader(base / "k.mp4").frames())) - round(4.5 * 25)) <= 1
        else:
            assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
            assert not (base / "k.mp4").exists()
        assert not list(base.glob(".*.part"))


def test_a_call_made_while_triton_loads_waits_for_it(base: Path) -> None:
    settings = Settings(base_path=base, encoder_preset="ultrafast")
    make_folders(settings)
    with (
        triton_for(settings, wait=False) as triton,
        TestClient(create_app(settings, partial(running_on, triton, settings)), "http://127.0.0.1") as client,
    ):
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 503
        assert generate(client, "early.mp4").status_code == 200
        assert client.get("/ready").status_code == 200
    assert (base / "early.mp4").exists()
