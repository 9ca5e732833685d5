"""A face for LiveKit agents.

DigitalHumanAvatar: the agent's own process publishes the pictures, as avatar plugins do
DigitalHuman:       a `VideoGenerator`, for an `AvatarRunner` in a worker of its own
"""

from __future__ import annotations

from digital_human_client.live import open_live

from digital_human_livekit.avatar import DigitalHumanAvatar
from digital_human_livekit.generator import DigitalHuman

__all__ = ["DigitalHuman", "DigitalHumanAvatar", "open_live"]
