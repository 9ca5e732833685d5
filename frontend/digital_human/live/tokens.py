"""Short-lived permission to use a session, for addresses: browsers set no headers on a WebSocket."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time


class Tokens:
    """Issued and checked by one service, until it ends. seconds: how long each is good for"""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._key = secrets.token_bytes(32)

    def issue(self, session_id: str) -> str:
        until = int(time.time() + self._seconds)
        return f"{until:x}-{self._digest(session_id, until)}"

    def is_valid(self, token: str, session_id: str) -> bool:
        """Whether this token was issued for this session and is still good."""
        moment, _, digest = token.partition("-")
        try:
            until = int(moment, 16)
        except ValueError:
            return False
        return hmac.compare_digest(digest.encode(), self._digest(session_id, until).encode()) and time.time() <= until

    def _digest(self, session_id: str, until: int) -> str:
        return hmac.new(self._key, f"{session_id} {until}".encode(), hashlib.sha256).hexdigest()[:32]
