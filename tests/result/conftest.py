"""A service whose engine draws nothing, so that a result shows just what was asked of it; and a client of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, triton: TritonServer, samples: Path, voice: Path) -> Iterator[Live]:
    """Its BASE_PATH holds template.mkv (3 s, 720 x 576, 25 fps) and speech.wav (1.6 s)."""
    base = tmp_path_factory.mktemp("plain")
    shutil.copy(samples / "template.mkv", base)
    shutil.copy(voice, base / "speech.wav")
    with Live(base, triton_url=triton.url, encoder_crf=1) as live:
        yield live
