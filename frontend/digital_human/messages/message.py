"""One message for callers, in both languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """Templates for `str.format`. Both begin with `{field}: ` if the message is about a field of the request."""

    en: str
    zh: str
