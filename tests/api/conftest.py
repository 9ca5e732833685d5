"""A service in this process, over the run's Triton."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from digital_human.api import create_app
from digital_human.media import read_speech
from digital_human.service import running
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from tests.media.factory import write_sound


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """Its BASE_PATH: template.mkv (3 s), speech.wav (2 s) and long.wav (4.5 s)."""
    folder = tmp_path_factory.mktemp("data")
    shutil.copy(samples / "template.mkv", folder / "template.mkv")
    speech = read_speech(samples / "speech.wav")
    for name, seconds in (("speech.wav", 2.0), ("long.wav", 4.5)):
        write_sound(folder / name, speech[None, : int(seconds * 16000)], 16000)
    return folder


@pytest.fixture(scope="module")
def client(base: Path, triton: TritonServer) -> Iterator[TestClient]:
    settings = Settings(base_path=base, triton_url=triton.url, encoder_preset="ultrafast")
    with TestClient(
        create_app(settings, partial(running, settings)), "http://127.0.0.1", raise_server_exceptions=False
    ) as client:
        yield client
