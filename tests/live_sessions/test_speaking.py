"""Live sessions through the real service: what goes in comes out, on one clock."""

from __future__ import annotations

import os
import signal
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from digital_human.live.messages import H264, I420, KEY, SOUND
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import eventually
from tests.live_sessions.client import Media, connection, session, tone

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def speech(samples: Path) -> bytes:
    """A second of speech, s16le at 16 kHz."""
    with wave.open(str(samples / "speech.wav")) as file:
        return bytes(file.readframes(file.getframerate()))


def test_speech_comes_back_with_its_pictures(http: httpx.Client, speech: bytes) -> None:
    with session(http) as client:
        client.until_media(H264)
        client.say(speech, chunk=999)  # odd: a chunk may end within a sample
        client.tell("flush")
        assert client.until("started")["utterance"] == 1
        finished = client.until("finished")
        assert finished == {"type": "finished", "utterance": 1, "position_seconds": 1.0, "interrupted": False}
        client.until("idle")
        for _ in range(8):
            client.until_media(SOUND)
        path = f"/live/sessions/{client.session['session_id']}"

        def is_looked_at() -> bool:
            client.until_media(SOUND)
            return bool(http.get(path).json()["data"]["looked"])

        eventually(is_looked_at)
        view = http.get(path).json()["data"]
    assert view["ruined"] == {} and view["warnings"] == []
    assert client.sound_of(1) == speech  # nothing is cut, nothing comes twice
    shown = [m.timestamp for m in client.media if m.kind == H264]
    heard = [m.timestamp for m in client.media if m.kind == SOUND]
    assert set(shown) <= set(heard)
    assert heard == sorted(set(heard)) and np.ptp(np.diff(heard)) == 0  # one clock, without gaps
    assert client.media[0].flags & KEY
    assert b'"Label":"1"' in client.media[0].payload  # the label is in the stream itself
    pictures, speaks = client.pictures(), client.speaking()
    luma = np.stack([p[:576].astype(int) for p in pictures])
    change = np.abs(np.diff(luma, axis=0))
    assert change.mean((1, 2)).max() < 4  # nowhere a jump in pose
    assert any(speaks) and view["utterances"] == 1
    assert view["latency"]["first_picture_p95"] > 0


@pytest.mark.parametrize("rate", [11_025, 48_000])
def test_any_rate_is_heard(http: httpx.Client, rate: int) -> None:
    pcm = tone(0.5, rate)
    with session(http, video="none", sample_rate=rate) as client:
        client.say(pcm, chunk=730)
        client.tell("flush")
        client.until("finished", interrupted=False)
    heard = client.sound_of(1)
    assert heard[: len(pcm)] == pcm and not any(heard[len(pcm) :])


def test_whoever_composes_gets_plain_pictures(http: httpx.Client) -> None:
    with session(http, video="i420") as client:
        picture = client.until_media(I420)
    assert len(picture.payload) == client.session["width"] * client.session["height"] * 3 // 2


def test_every_interruption_is_answered_and_the_session_speaks_on(http: httpx.Client, speech: bytes) -> None:
    with session(http) as client:
        for number in range(1, 16):
            client.say(speech[: 8000 + 1000 * number])
            if number % 3 == 0:
                client.until("started", utterance=number)
            client.tell("interrupt")
            assert client.until("finished", utterance=number)["interrupted"]
        client.say(speech)
        client.tell("flush")
        finished = client.until("finished", utterance=16)
        assert not finished["interrupted"]
    assert client.sound_of(16) == speech
    # Nothing of an utterance comes after its end.
    last = {m.utterance: m.timestamp for m in client.media if m.utterance}
    assert sorted(last, key=lambda utterance: last[utterance]) == sorted(last)


def test_a_client_that_vanishes_may_come_back(http: httpx.Client, speech: bytes) -> None:
    with session(http) as client:
        client.say(speech)
        client.until("started")
        client.socket.socket.close()  # without a word
        data = http.get(f"/live/sessions/{client.session['session_id']}").json()["data"]
        with connection(data) as again:
            assert again.until_media(H264).flags & KEY
            again.tell("interrupt")
            again.say(speech)
            again.tell("flush")
            again.until("finished", interrupted=False)
            again.tell("close")
        url = f"/live/sessions/{client.session['session_id']}"
        eventually(lambda: http.get(url).status_code == 404)


def test_what_is_no_command_is_told(http: httpx.Client) -> None:
    with session(http, video="none") as client:
        for text in ("", "[]", "{", '{"type": "sing"}', "[" * 5000):
            client.socket.send(text)
            assert client.until("error")["error"] == "live_message_unknown"
        client.tell("flush")  # nothing to end
        client.tell("interrupt")
        assert isinstance(client.receive(), dict | Media)


@pytest.mark.slow
def test_the_picture_holds_while_triton_is_away(http: httpx.Client, speech: bytes, triton: TritonServer) -> None:
    with session(http) as client:
        client.say(speech)
        client.until("started")
        assert triton.pid
        os.kill(triton.pid, signal.SIGKILL)
        client.tell("flush")
        client.until("finished", interrupted=False)
        assert client.sound_of(1) == speech
        triton.ready(timeout=180)
