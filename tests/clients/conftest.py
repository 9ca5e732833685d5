"""A service with a key, a speech server that hums and webhooks, for the tools that people already use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live
from tests.speech_server import speech_server

KEY, SECRET = "studio-key", "whsec_c3R1ZGlvLXNlY3JldC1zdHVkaW8tc2VjcmV0"


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory, triton: TritonServer, samples: Path) -> Iterator[Live]:
    """It draws nothing. There is an avatar, lena."""
    base = tmp_path_factory.mktemp("studio")
    shutil.copy(samples / "template.mkv", base)
    settings: dict[str, Any] = {"api_keys": KEY, "callback_hosts": "127.0.0.1", "webhook_secret": SECRET}
    with (
        speech_server() as speech,
        Live(base, triton_url=triton.url, speech_url=speech.url, speech_voices="nova,onyx", **settings) as live,
    ):
        live.client.headers["Authorization"] = f"Bearer {KEY}"
        body = {"name": "lena", "video_path": "template.mkv", "mode": "sync", "voice": "nova"}
        assert live.client.post("/avatars", json=body).status_code == 201
        yield live


@pytest.fixture
def folder(tmp_path: Path, samples: Path, voice: Path) -> Path:
    """Of the tool: template.mkv (3 s) and speech.wav (1.6 s)."""
    shutil.copy(samples / "template.mkv", tmp_path)
    shutil.copy(voice, tmp_path)
    return tmp_path
