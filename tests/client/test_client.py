"""The client against the real service: files in, a video out, and errors that say what is wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import av
import httpx
import pytest

from digital_human.client import AsyncClient, Client, ClientError, Task


def frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_two_files_become_a_video(address: str, samples: Path, voice: Path, tmp_path: Path) -> None:
    seen: list[Task] = []
    with Client(address) as client:
        task = client.generate(samples / "template.mkv", voice, tmp_path / "out.mp4", seen.append, digital_auth=1)
        assert client.tasks(limit=1)[0].id == task.id
    assert task.state == "succeeded" and seen[-1].progress == 1.0
    assert frames(tmp_path / "out.mp4") == task.view["result"]["frames"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_many_are_awaited_together(address: str, samples: Path, voice: Path, tmp_path: Path) -> None:
    async def both() -> list[Task]:
        async with AsyncClient(address) as client:
            return list(
                await asyncio.gather(
                    *(client.generate(samples / "template.mkv", voice, tmp_path / f"{k}.mp4") for k in range(2))
                )
            )

    one, two = asyncio.run(both())
    assert one.id != two.id
    assert frames(tmp_path / "0.mp4") == frames(tmp_path / "1.mp4") > 0


def test_the_same_key_is_the_same_task(address: str) -> None:
    with Client(address) as client:
        first = client.submit("template.mkv", "speech.wav", idempotency_key="once")
        assert client.submit("template.mkv", "speech.wav", idempotency_key="once").id == first.id
        client.cancel(first.id)
        with pytest.raises(ClientError) as caught:
            client.wait(first.id)
        assert caught.value.code == 499


def test_refusals_are_errors_with_a_code(address: str, tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_text("this is no sound")
    with Client(address) as client:
        with pytest.raises(ClientError, match="audio_path: no such file") as caught:
            client.submit("template.mkv", "missing.wav")
        assert caught.value.code == 404
        with pytest.raises(ClientError, match="audio_path") as caught:
            client.wait(client.submit("template.mkv", client.upload(tmp_path / "no.wav")).id)
        assert caught.value.code == 400
        with pytest.raises(ClientError) as caught:
            client.download("00000000-0000-0000-0000-000000000000", tmp_path / "x.mp4")
        assert caught.value.code == 404
    assert [path.name for path in tmp_path.iterdir()] == ["no.wav"]


def test_the_key_is_sent() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer secret"
        return httpx.Response(200, json={"code": 200, "message": "success", "data": {"tasks": []}})

    with Client("http://service", "secret", transport=httpx.MockTransport(answer)) as client:
        assert client.tasks() == []
