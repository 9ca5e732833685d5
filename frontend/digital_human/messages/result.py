"""Messages about what a caller may choose about a result."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

RESULT: Mapping[str, Message] = {}
