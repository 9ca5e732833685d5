"""The avatar with LiveKit's own classes, against a service at DIGITAL_HUMAN_URL; the room has no server behind it."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("livekit.agents")

from digital_human_livekit import DigitalHumanAvatar
from livekit import rtc
from livekit.agents import AgentSession

URL = os.environ.get("DIGITAL_HUMAN_URL", "")
pytestmark = pytest.mark.skipif(not URL, reason="DIGITAL_HUMAN_URL names no service")
RATE = 24_000


class Participant:
    identity = "agent"

    def __init__(self) -> None:
        self.published: list[Any] = []
        self.track_publications: dict[str, Any] = {}

    async def publish_track(self, track: Any, options: Any) -> Any:
        self.published.append(track)
        return SimpleNamespace(wait_for_subscription=self._nothing)

    async def _nothing(self) -> None: ...


class Room(rtc.EventEmitter[Any]):
    """A room that an agent is in, without a server behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self.local_participant, self.remote_participants = "room", Participant(), {}

    def isconnected(self) -> bool:
        return True


def speech(seconds: float) -> rtc.AudioFrame:
    return rtc.AudioFrame(bytes(range(256)) * int(seconds * RATE / 128), RATE, 1, int(seconds * RATE / 128) * 128)


def test_an_agents_voice_is_played_with_pictures_and_may_be_interrupted() -> None:
    async def scene() -> tuple[list[Any], Any, Any]:
        room: Any = Room()
        agent: AgentSession[None] = AgentSession()
        avatar = DigitalHumanAvatar(URL, video_path="template.mkv", sample_rate=RATE)
        await avatar.start(agent, room)
        assert avatar.avatar_identity == "agent"
        voice: Any = agent.output.audio
        await voice.capture_frame(speech(0.5))
        voice.flush()
        said = await voice.wait_for_playout()
        started = asyncio.Event()
        voice.on("playback_started", lambda _: started.set())
        await voice.capture_frame(speech(5))
        await started.wait()
        voice.clear_buffer()
        cut = await voice.wait_for_playout()
        published = room.local_participant.published
        await avatar.aclose()
        return published, said, cut

    published, said, cut = asyncio.run(asyncio.wait_for(scene(), 240))
    assert {track.kind for track in published} == {rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO}
    assert said.interrupted is False and said.playback_position >= 0.5
    assert cut.interrupted is True and cut.playback_position < 5
