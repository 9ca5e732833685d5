"""What one client of a session is sent. A client that reads too slowly loses pictures and sound, never their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

from digital_human.live.messages import H264, HEADER, I420, KEY, SOUND, Event

Video = Literal["h264", "i420", "none", "events"]

MOST_WAITING = 50
"""Messages that wait for a client: a second of pictures and sound."""
MOST_UNREAD = 1000
"""Messages, events included, that a client may leave unread before it is cut off."""
_KIND = {"h264": H264, "i420": I420}


class Viewer:
    """Takes what a session gives, and hands it out one by one. ask_for_key: called when pictures were lost"""

    def __init__(self, video: Video, ask_for_key: Callable[[], None]) -> None:
        self.video = video
        self.dropped = 0
        self._ask_for_key = ask_for_key
        self._waiting: deque[Event | bytes] = deque()
        self._arrived = asyncio.Event()
        # Sound begins with the first picture.
        self._has_begun = video == "none"
        self._needs_key = True
        self._has_ended = False

    def offer(self, item: Event | bytes) -> None:
        if self._has_ended or (isinstance(item, bytes) and not self._takes(item)):
            return
        if len(self._waiting) > MOST_UNREAD:
            # Events are not left out: a client that reads none of them is gone.
            self._waiting.clear()
            self.end()
            return
        self._waiting.append(item)
        self._arrived.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._has_ended = True
        self._arrived.set()

    async def next(self) -> Event | bytes | None:
        """The next event or message of media; None after the end."""
        while not self._waiting:
            if self._has_ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def _takes(self, item: bytes) -> bool:
        kind, flags, *_ = HEADER.unpack_from(item)
        if self.video == "events":
            return False
        if kind == SOUND:
            return self._has_begun and len(self._waiting) <= 2 * MOST_WAITING
        if kind != _KIND.get(self.video):
            return False
        if len(self._waiting) > MOST_WAITING:
            kept = [waiting for waiting in self._waiting if not isinstance(waiting, bytes)]
            self.dropped += len(self._waiting) - len(kept)
            self._waiting = deque(kept)
            self._needs_key = True
            self._ask_for_key()
        if self._needs_key and not flags & KEY:
            self.dropped += 1
            return False
        self._needs_key, self._has_begun = False, True
        return True
