"""The MCP server, as an assistant runs it: the official client, a process, and the real service behind it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import av
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from tests.clients.conftest import KEY
from tests.live_service import Live, leftovers

ROOT = Path(__file__).resolve().parents[2]


def answered(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, result.content
    content: dict[str, Any] = result.structured_content
    return content


def refusal(result: CallToolResult) -> str:
    assert result.is_error
    (said,) = result.content
    assert isinstance(said, TextContent)
    return said.text


def assisted(
    scene: Callable[[Client], Awaitable[None]],
    url: str,
    folder: Path,
    key: str = KEY,
    *,
    arguments: list[str] | None = None,
) -> None:
    """Play a scene with an assistant's client."""
    command = arguments or ["mcp", "--url", url, "--folder", str(folder)]
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "digital_human.cli", *command],
        env={"MCP_API_KEY": key, "PYTHONPATH": str(ROOT / "frontend")},
        cwd=folder,
    )

    async def play() -> None:
        async with Client(stdio_client(parameters)) as client:
            await scene(client)

    asyncio.run(play())


def url_of(live: Live) -> str:
    return f"http://127.0.0.1:{live.port}"


def test_an_assistant_finds_a_person_and_a_voice_and_makes_a_video(studio: Live, folder: Path) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    async def scene(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"list_avatars", "list_voices", "make_video", "task_status"}
        assert all(tool.description and tool.output_schema for tool in tools.values())
        schema = tools["make_video"].input_schema["properties"]
        assert schema["speed"]["maximum"] == 2 and "context" not in schema

        (avatar,) = answered(await client.call_tool("list_avatars"))["result"]
        assert (avatar["name"], avatar["state"], avatar["voice"]) == ("lena", "ready", "nova")
        voices = answered(await client.call_tool("list_voices"))
        assert [voice["id"] for voice in voices["result"]] == ["nova", "onyx"]

        order = {"text": "Good morning to all.", "avatar": "lena", "voice": "onyx", "output": "morning.mp4"}
        video = answered(await client.call_tool("make_video", order, progress_callback=progress))
        assert video["state"] == "succeeded" and video["path"] == str(folder / "morning.mp4")

    assisted(scene, url_of(studio), folder)
    with av.open(str(folder / "morning.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30  # a second, and the silence after a sentence
    assert seen[-1][:2] == (1.0, 1.0) and seen == sorted(seen, key=lambda item: item[0])


def test_a_video_that_takes_longer_is_followed(studio: Live, folder: Path) -> None:
    async def scene(client: Client) -> None:
        order = {"audio": "speech.wav", "template": "template.mkv", "wait_seconds": 0, "title": "Later"}
        video = answered(await client.call_tool("make_video", order))
        assert video["state"] in ("queued", "running") and video["path"] is None
        question = {"task_id": video["task_id"], "output": "later.mp4", "wait_seconds": 120}
        video = answered(await client.call_tool("task_status", question))
        assert (video["state"], video["path"]) == ("succeeded", str(folder / "later.mp4"))
        # What is there is not written over.
        assert "exists already" in refusal(await client.call_tool("task_status", question))

    assisted(scene, url_of(studio), folder)
    assert (folder / "later.mp4").stat().st_size > 1000


REFUSED: dict[str, dict[str, Any]] = {
    "one of text and audio": {"avatar": "lena"},
    "one of avatar and template": {"text": "Hello."},
    "no such file": {"audio": "none.wav", "avatar": "lena"},
    "outside of": {"audio": "../secret.wav", "avatar": "lena"},
    "no such avatar": {"text": "Hello.", "avatar": "nobody"},
    "background: must be a colour": {"text": "Hello.", "avatar": "lena", "background": "#mauve"},
    ".mp4": {"text": "Hello.", "avatar": "lena", "output": "x.txt"},
    "exists already": {"text": "Hello.", "avatar": "lena", "output": "old.mp4"},
    "speed": {"text": "Hello.", "avatar": "lena", "speed": 9},
}


def test_what_cannot_be_made_is_said_in_words(studio: Live, folder: Path) -> None:
    (folder / "old.mp4").write_text("kept")
    (folder / "notes.wav").write_text("no sound")

    async def scene(client: Client) -> None:
        for words, order in REFUSED.items():
            assert words in refusal(await client.call_tool("make_video", order))
        # What only the work finds out fails the call too.
        order = {"audio": "notes.wav", "avatar": "lena", "output": "new.mp4", "wait_seconds": 60}
        assert "audio_path" in refusal(await client.call_tool("make_video", order))
        assert "no such task" in refusal(await client.call_tool("task_status", {"task_id": "none"}))

    assisted(scene, url_of(studio), folder)
    assert (folder / "old.mp4").read_text() == "kept" and not (folder / "new.mp4").exists()
    assert leftovers(studio.base) == []


@pytest.mark.parametrize("wrong", ["key", "address"])
def test_a_service_that_does_not_let_in_or_is_not_there(studio: Live, folder: Path, wrong: str) -> None:
    async def scene(client: Client) -> None:
        said = refusal(await client.call_tool("list_avatars"))
        assert ("key" if wrong == "key" else "does not answer") in said

    url = url_of(studio) if wrong == "key" else "http://127.0.0.1:9"
    assisted(scene, url, folder, "wrong")


def test_the_configuration_of_the_page_works(studio: Live, folder: Path) -> None:
    page = (ROOT / "docs" / "mcp.md").read_text()
    block = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert block is not None
    entry = json.loads(block[1])["mcpServers"]["digital-human"]
    assert entry["command"] == "digital-human"
    words = [re.sub(r"http://\S+", url_of(studio), word) for word in entry["args"]]
    words = [str(folder) if word.startswith("/") else word for word in words]

    async def scene(client: Client) -> None:
        assert len((await client.list_tools()).tools) == 4
        assert answered(await client.call_tool("list_avatars"))["result"]

    assert set(entry["env"]) == {"MCP_API_KEY"}
    assisted(scene, "", folder, arguments=words)
