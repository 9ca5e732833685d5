"""The avatar of an agent that needs no worker of its own: the agent publishes its pictures itself."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from digital_human_client.live import open_live
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AvatarRunner, AvatarSession, QueueAudioOutput

from digital_human_livekit.generator import DigitalHuman


class DigitalHumanAvatar(AvatarSession[Any]):
    """url, api_key: of the service; sample_rate: Hz of the agent's voice; options: fields of `POST /live/sessions`"""

    def __init__(self, url: str, api_key: str | None = None, *, sample_rate: int = 24_000, **options: Any) -> None:
        super().__init__()
        self._url, self._key = url, api_key
        self._options = {**options, "sample_rate": sample_rate}
        self._open = AsyncExitStack()

    @property
    def avatar_identity(self) -> str:
        """The agent's own: its participant has the face."""
        assert self._room is not None
        return str(self._room.local_participant.identity)

    @property
    def provider(self) -> str:
        return "digital-human"

    async def start(self, agent_session: AgentSession[Any], room: rtc.Room) -> None:
        """Take the agent's voice from now on. To be called before the agent's session starts, with the room connected.

        Raises LiveError where the service refuses.
        """
        await super().start(agent_session, room)
        try:
            session = await self._open.enter_async_context(
                open_live(self._url, self._key, video="i420", **self._options)
            )
            generator = DigitalHuman(session)
            voice = QueueAudioOutput(sample_rate=session.sample_rate, wait_playback_start=True)
            runner = AvatarRunner(room, audio_recv=voice, video_gen=generator, options=generator.options)
            await runner.start()
            self._open.push_async_callback(runner.aclose)
            agent_session.output.audio = voice
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the session with the service. The agent stays in its room."""
        await self._open.aclose()
        if self._room is not None:
            # The base class would put the avatar's participant out of the room, and that is the agent itself.
            self._room.off("connection_state_changed", self._on_connection_state_changed)
            self._room = None
        await super().aclose()
