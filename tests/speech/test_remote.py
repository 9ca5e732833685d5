"""Another speech server speaks: a real one, on this machine."""

from __future__ import annotations

import io
import json
import math
import struct
import threading
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from digital_human.errors import BadInputError, JobCancelledError, UnavailableError
from digital_human.settings import Settings
from digital_human.speech.kokoro import RATE
from digital_human.speech.remote import RemoteSpeaker
from digital_human.triton.embedded.server import TritonServer
from tests import live
from tests.slow_host import slow_host


def tone(seconds: float, rate: int = 22050) -> bytes:
    """A WAV file."""
    samples = [int(9000 * math.sin(math.tau * 200 * k / rate)) for k in range(int(seconds * rate))]
    sink = io.BytesIO()
    with wave.open(sink, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return sink.getvalue()


class SpeechServer(ThreadingHTTPServer):
    """asked: path, key and body of each request; status: of its answers"""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, dict[str, Any]]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: SpeechServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], body))
        answer = tone(0.05 * len(body["input"])) if self.server.status == 200 else b'{"error": "no such voice"}'
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with SpeechServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_it_is_asked_as_openais_with_the_key(server: SpeechServer) -> None:
    settings = Settings.model_validate({"speech_url": server.url, "speech_key": "secret", "speech_voices": "nova,onyx"})
    sound = RemoteSpeaker(settings).say("Twenty characters...", "", 1.25)
    assert len(sound) == pytest.approx(RATE, abs=200)
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


def test_the_service_speaks_through_it(
    server: SpeechServer, triton: TritonServer, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "template.mkv").write_bytes((samples / "template.mkv").read_bytes())
    with live.service(tmp_path, TRITON_URL=triton.url, SPEECH_URL=server.url, SPEECH_VOICES="nova") as url:
        told = httpx.get(f"{url}/voices").json()
        assert told["installed"] and [voice["id"] for voice in told["voices"]] == ["nova"]
        body = {"text": "Twenty characters...\n\nAnd ten...", "voice": "own-voice", "video_path": "template.mkv"}
        answer = httpx.post(f"{url}/human/generate", json=body | {"save_path": "out.mp4"}, timeout=300)
        assert answer.status_code == 200, answer.text
        task = httpx.get(f"{url}/human/tasks/{answer.json()['data']['task_id']}").json()["data"]
    # Both pieces, and the pauses behind them.
    assert task["result"]["duration"] == pytest.approx(1.0 + 0.5 + 0.6 + 0.2, abs=0.1)
    assert [asked[2]["input"] for asked in server.asked] == ["Twenty characters...", "And ten..."]
    assert {asked[2]["voice"] for asked in server.asked} == {"own-voice"}
