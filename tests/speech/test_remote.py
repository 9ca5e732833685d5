"""Another speech server speaks: a real one, on this machine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from digital_human.errors import BadInputError, JobCancelledError, UnavailableError
from digital_human.media.reader import VideoReader
from digital_human.settings import Settings
from digital_human.speech.kokoro import RATE
from digital_human.speech.remote import RemoteSpeaker
from digital_human.triton.embedded.server import TritonServer
from tests import live
from tests.slow_host import slow_host
from tests.speech_server import SpeechServer, speech_server

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with speech_server() as server:
        yield server


def test_it_is_asked_as_openais_with_the_key(server: SpeechServer) -> None:
    settings = Settings.model_validate({"speech_url": server.url, "speech_key": "secret", "speech_voices": "nova,onyx"})
    said = RemoteSpeaker(settings).say("Twenty characters...", "", 1.25)
    assert said.letters == ""
    assert len(said.audio) == pytest.approx(RATE, abs=200)
    (path, key, body), *_ = server.asked
    assert (path, key) == ("/v1/audio/speech", "Bearer secret")
    assert body | {"model": ""} == {
        "model": "",
        "input": "Twenty characters...",
        "voice": "nova",
        "speed": 1.25,
        "response_format": "wav",
    }


@pytest.mark.parametrize(("status", "kind"), [(400, BadInputError), (429, UnavailableError), (502, UnavailableError)])
def test_its_refusals_are_told(server: SpeechServer, status: int, kind: type[Exception]) -> None:
    server.status = status
    with pytest.raises(kind, match=f"{status}: .*no such voice"):
        RemoteSpeaker(Settings(speech_url=server.url)).say("Hello.", "anybody", 1.0)


def test_one_that_is_away_or_slow_may_be_asked_again() -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        RemoteSpeaker(Settings(speech_url="http://127.0.0.1:9/v1")).say("Hello.", "", 1.0)
    with slow_host() as host:
        settings = Settings(speech_url=f"{host.url}/body", speech_seconds=0.3)
        with pytest.raises(UnavailableError, match="does not answer"):
            RemoteSpeaker(settings).say("Hello.", "", 1.0)


def test_cancelling_closes_the_connection() -> None:
    def check() -> None:
        if host.reached.is_set():
            raise JobCancelledError("task_cancelled")

    with slow_host() as host:
        with pytest.raises(JobCancelledError):
            RemoteSpeaker(Settings(speech_url=host.url), check).say("Hello.", "", 1.0)
        assert host.left.wait(20)


@pytest.fixture(scope="module")
def through(
    triton: TritonServer, samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, SpeechServer]]:
    """Address of a service, and the server that speaks for it."""
    base = tmp_path_factory.mktemp("data")
    shutil.copy(samples / "template.mkv", base)
    settings = {"TRITON_URL": triton.url, "SPEECH_VOICES": "nova"}
    with speech_server() as speaks, live.service(base, SPEECH_URL=speaks.url, **settings) as url:
        yield url, speaks


def test_the_service_speaks_through_it(through: tuple[str, SpeechServer]) -> None:
    url, speaks = through
    listed = httpx.get(f"{url}/voices").json()
    assert listed["installed"] and [voice["id"] for voice in listed["voices"]] == ["nova"]
    body = {"text": "Twenty characters...\n\nAnd ten...", "voice": "own-voice", "video_path": "template.mkv"}
    answer = httpx.post(f"{url}/human/generate", json=body | {"save_path": "out.mp4"}, timeout=300)
    assert answer.status_code == 200, answer.text
    task = httpx.get(f"{url}/human/tasks/{answer.json()['data']['task_id']}").json()["data"]
    # Both pieces, the pause between them, and the quiet at the end.
    assert task["result"]["duration"] == pytest.approx(1.0 + 0.5 + 0.6 + 0.2, abs=0.1)
    asked = [body for _, _, body in speaks.asked if body["voice"] == "own-voice"]
    assert [body["input"] for body in asked] == ["Twenty characters...", "And ten..."]


def test_the_example_of_the_guide_runs(
    through: tuple[str, SpeechServer], samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "speech.md").read_text(), re.DOTALL)
    shutil.copy(samples / "template.mkv", tmp_path / "template.mp4")
    monkeypatch.chdir(tmp_path)
    exec(example.replace("http://127.0.0.1:8308", through[0]), {})
    assert len(list(VideoReader(tmp_path / "result.mp4").frames())) > 40
    assert (tmp_path / "morning.mp3").read_bytes()[:3] == b"ID3"
