"""The voices, through the run's Triton and the service."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from digital_human.runtime.voices import unloaded_when_idle
from digital_human.settings import Settings
from digital_human.speech import model
from digital_human.speech.kokoro import MODEL, RATE, Kokoro
from digital_human.speech.voices import DEFAULTS, VOICES, sample_path
from digital_human.triton import repository
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import eventually


@pytest.fixture
def client(voices: TritonServer, address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=300) as client:
        yield client


def decoded(data: bytes) -> tuple[dict[str, str], float]:
    """Metadata, and seconds of sound."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        metadata = {**container.metadata, **stream.metadata}
        samples: int = sum(frame.samples for frame in container.decode(stream))
        return metadata, samples / stream.rate


def made(client: httpx.Client, body: dict[str, object]) -> dict[str, Any]:
    """The task of a video, once there is one."""
    answer = client.post("/human/generate", json=body | {"save_path": "said.mp4"})
    assert answer.status_code == 200, answer.text
    task: dict[str, Any] = client.get(f"/human/tasks/{answer.json()['data']['task_id']}").json()["data"]
    return task


def test_the_packages_are_joined_and_checked(installed: Path) -> None:
    assert model.is_installed(installed) and not model.is_installed(installed / "elsewhere")
    assert repository.installed(installed) == [MODEL]


def test_every_voice_can_be_had() -> None:
    assert len(VOICES) == 24 and set(DEFAULTS.values()) <= set(VOICES)
    assert all(sample_path(voice).read_bytes()[:3] == b"ID3" for voice in VOICES.values())


def test_a_text_becomes_a_video(client: httpx.Client) -> None:
    body = {"text": "Papa paid Bob.", "voice": "am_michael", "speed": 1.5, "video_path": "template.mkv"}
    task = made(client, body)
    assert (task["text"], task["voice"], task["speed"]) == (body["text"], "am_michael", 1.5)
    assert 0.6 < task["result"]["duration"] < 2.5 and task["timings"]["speak"] > 0
    video = client.get(f"/human/tasks/{task['task_id']}/result").content
    assert decoded(video)[1] == pytest.approx(task["result"]["duration"], abs=0.1)


SENTENCES = {
    "af_heart": "In 1999, it cost $3,250. Papa paid.",
    "zf_xiaoxiao": "一九九九年，它花了3250元。\n爸爸付了。",
}


@pytest.mark.parametrize("voice", SENTENCES)
def test_subtitles_of_a_text_have_the_times_of_its_voice(client: httpx.Client, voice: str) -> None:
    """The second sentence is behind one of which numbers take most."""
    body = {"text": SENTENCES[voice], "voice": voice, "video_path": "template.mkv", "subtitles": "srt", "lead_in": 0.4}
    task = made(client, body)
    times = re.findall(r"\d\d:\d\d:(\d\d),(\d{3}) -->", client.get(f"/human/tasks/{task['task_id']}/subtitles").text)
    starts = [int(second) + int(thousandth) / 1000 for second, thousandth in times]
    with av.open(io.BytesIO(client.get(f"/human/tasks/{task['task_id']}/result").content), "r") as container:
        rate = container.streams.audio[0].rate
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    level = np.sqrt(np.convolve(sound**2, np.ones(rate // 50) / (rate // 50), "same"))
    loud = np.flatnonzero(level > level.max() / 15) / rate
    longest = int(np.diff(loud).argmax())
    assert starts == pytest.approx([loud[0], loud[longest + 1]], abs=0.08)


def test_lips_shut_where_the_lengths_say(voices: TritonServer) -> None:
    """The network's lengths are the sound's: it is quiet where a p is, and the sound is as long as they say."""
    repository.load(voices.url, MODEL)
    said = Kokoro(TritonModels(voices.url, timeout=300)).say("Apart.", VOICES["af_heart"], 1.0)
    sound = said.audio
    assert sound.dtype == np.float32 and 0.3 < len(sound) / RATE < 2 and np.abs(sound).max() <= 1
    level = np.sqrt(np.convolve(sound**2, np.ones(480) / 480, "same"))
    assert said.letters == "əpˈɑɹt." and said.times.shape == (len(said.letters), 2)
    assert said.times[-1, 1] <= len(sound) / RATE and (np.diff(said.times, axis=0) >= 0).all()
    start, end = (said.times[1] * RATE).astype(int)
    assert level[start:end].min() < level.max() / 12
    start, end = (said.times[3] * RATE).astype(int)
    assert level[start:end].max() > level.max() / 2, "the vowel behind it"


@pytest.mark.parametrize("kind", ["mp3", "wav", "pcm"])
def test_programs_of_openais_interface_get_sound_with_the_label(client: httpx.Client, kind: str) -> None:
    body = {"model": "tts-1", "input": "你好。", "voice": "zf_xiaoxiao", "response_format": kind}
    answer = client.post("/v1/audio/speech", json=body)
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.headers["AIGC"])["Label"] == "1"
    if kind == "pcm":
        assert 0.3 < len(answer.content) / 2 / RATE < 2
        return
    metadata, seconds = decoded(answer.content)
    assert '"Label":"1"' in (metadata.get("AIGC") or metadata["comment"]) and 0.3 < seconds < 2


def test_voices_are_let_go_of_when_nobody_uses_them(voices: TritonServer, tmp_path: Path) -> None:
    repository.load(voices.url, MODEL)
    settings = Settings(base_path=tmp_path).model_copy(update={"voices_idle_seconds": 0.2})
    with unloaded_when_idle(settings, voices):
        eventually(lambda: MODEL not in repository.served(voices.url))
