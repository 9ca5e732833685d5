"""The client of live sessions against the real service."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest

from digital_human.live_client import Event, Item, LiveError, Picture, Sound, open_live


def test_speech_goes_in_and_pictures_come_out(address: str, samples: Path) -> None:
    with wave.open(str(samples / "speech.wav")) as file:
        pcm = file.readframes(file.getframerate() // 2)

    async def speak() -> list[Item]:
        items: list[Item] = []
        async with open_live(address, video_path="template.mkv", video="i420") as session:
            assert session.sample_rate == 16_000
            await session.push(pcm)
            await session.interrupt()
            await session.push(pcm)
            await session.flush()
            async for item in session:
                items.append(item)
                if isinstance(item, Event) and item.type == "finished" and not item.fields["interrupted"]:
                    await session.close()
            assert all(len(p.data) == session.width * session.height * 3 // 2 for p in items if isinstance(p, Picture))
        return items

    items = asyncio.run(speak())
    heard = b"".join(item.pcm for item in items if isinstance(item, Sound) and item.utterance == 2)
    assert heard[: len(pcm)] == pcm
    assert any(isinstance(item, Picture) and item.utterance == 2 for item in items)


def test_a_refusal_says_why(address: str) -> None:
    async def begin() -> None:
        async with open_live(address, video_path="missing.mkv"):
            raise AssertionError

    with pytest.raises(LiveError, match="no such file") as caught:
        asyncio.run(begin())
    assert (caught.value.code, caught.value.error) == (404, "file_not_found")
