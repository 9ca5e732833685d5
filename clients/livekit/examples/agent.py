"""An agent with a face: it says what the language model answers, and its participant publishes the pictures.

    pip install livekit-plugins-openai
    DIGITAL_HUMAN_URL=http://127.0.0.1:8308 python agent.py dev

LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name the LiveKit server, OPENAI_API_KEY is for the model and voice.
"""

from __future__ import annotations

import os

from digital_human_livekit import DigitalHumanAvatar
from livekit.agents import Agent, AgentSession, JobContext, RoomInputOptions, RoomOutputOptions, WorkerOptions, cli
from livekit.plugins import openai


async def talk(context: JobContext) -> None:
    await context.connect()
    session: AgentSession[None] = AgentSession(llm=openai.LLM(), stt=openai.STT(), tts=openai.TTS())
    # OpenAI's voices speak at 24 kHz.
    avatar = DigitalHumanAvatar(os.environ["DIGITAL_HUMAN_URL"], video_path="template.mp4", sample_rate=24_000)
    await avatar.start(session, context.room)
    await session.start(
        agent=Agent(instructions="You are friendly and brief."),
        room=context.room,
        room_input_options=RoomInputOptions(),
        # The avatar publishes the voice, together with its pictures.
        room_output_options=RoomOutputOptions(audio_enabled=False),
    )
    await session.generate_reply(instructions="Greet the user.")


if __name__ == "__main__":
    cli.run_app(WorkerOptions(entrypoint_fnc=talk))
