"""What tests share: one embedded Triton for the whole run, and the sample media."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from frontend.frames import Frame
from frontend.media.read import VideoReader
from frontend.triton.client import TritonNetworks
from frontend.triton.server import TritonServer

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder with template.mkv (a woman talking, 3 s, 25 fps) and speech.wav."""
    return ROOT / "samples"


@pytest.fixture(scope="session")
def triton() -> Iterator[TritonServer]:
    """The embedded server with every network of the repository, ready. Who kills it waits until it is ready again."""
    with TritonServer() as server:
        server.ready(timeout=180)
        yield server


@pytest.fixture(scope="session")
def networks(triton: TritonServer) -> TritonNetworks:
    return TritonNetworks(triton.url)


@pytest.fixture(scope="session")
def template_frames(samples: Path) -> list[Frame]:
    """All frames of the sample template."""
    return list(VideoReader(samples / "template.mkv").frames())
