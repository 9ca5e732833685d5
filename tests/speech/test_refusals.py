"""What cannot be said is refused in words, before anything is queued."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from digital_human.errors import BadInputError
from digital_human.settings import Settings
from digital_human.speech.speaker import SpokenText, check_text
from digital_human.speech.voices import VOICES


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, 400, "audio_path: Field required"),
        ({"text": "Hello.", "audio_path": "speech.wav"}, 400, "text: goes without audio_path"),
        ({"text": "..."}, 400, "text: holds nothing to say"),
        ({"text": "x " * 10_001}, 400, "text: is longer than 20000 characters"),
        ({"text": "Hello.", "voice": "nobody"}, 400, "voice: there is none named 'nobody'"),
        ({"text": "Hello.", "speed": 9}, 400, "speed: "),
        ({"text": ""}, 400, "text: "),
    ],
)
def test_requests(address: str, fields: dict[str, object], status: int, words: str) -> None:
    body = {"video_path": "template.mkv", "mode": "async", **fields}
    answer = httpx.post(f"{address}/human/generate", json=body)
    assert answer.status_code == status and answer.json()["message"].startswith(words), answer.text


def test_voices_that_are_not_installed(address: str) -> None:
    listed = httpx.get(f"{address}/voices").json()
    assert not listed["installed"] and "digital-human install kokoro" in listed["install"]
    assert [voice["id"] for voice in listed["voices"]] == list(VOICES)
    answer = httpx.post(f"{address}/v1/audio/speech", json={"input": "Hello."})
    assert answer.status_code == 400 and "digital-human install kokoro" in answer.json()["message"]
    sample = httpx.get(f"{address}{listed['voices'][0]['sample']}")
    assert sample.status_code == 200 and sample.headers["content-type"] == "audio/mpeg"
    assert httpx.get(f"{address}/voices/nobody/sample").status_code == 404


def test_a_language_that_needs_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadInputError, match="es-ES needs the program espeak-ng"):
        check_text(SpokenText("Hola.", "ef_dora"), Settings())
    check_text(SpokenText("Hello.", "af_heart"), Settings())


def test_the_command_line_says_what_to_install(tmp_path: Path, samples: Path) -> None:
    command = [sys.executable, "-m", "digital_human.cli", "generate", "--text", "Hello."]
    command += ["--video", str(samples / "template.mkv"), "--output", str(tmp_path / "out.mp4")]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "BASE_PATH": str(tmp_path / "data")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "digital-human install kokoro" in done.stderr
    assert not (tmp_path / "out.mp4").exists()
