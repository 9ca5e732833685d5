"""Warnings about a video that was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digital_human import messages
from digital_human.messages import Language, Params


@dataclass(frozen=True)
class Notice:
    """name: of a message in `digital_human.messages`; params: of the message"""

    name: str
    params: Params

    def text(self, language: Language = "en") -> str:
        return messages.text(self.name, self.params, language)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"name": self.name, "params": dict(self.params)}


def from_records(records: Iterable[Mapping[str, Any]]) -> list[Notice]:
    """Notices that were kept as `Notice.to_record`, without those that this version cannot word."""
    notices = [Notice(str(record["name"]), record["params"]) for record in records]
    return [notice for notice in notices if _is_worded(notice)]


def worded(records: Iterable[Mapping[str, Any]], language: Language = "en") -> list[str]:
    """The sentences of notices that were kept."""
    return [notice.text(language) for notice in from_records(records)]


def to_records(notices: Sequence[Notice]) -> list[dict[str, Any]]:
    return [notice.to_record() for notice in notices]


def _is_worded(notice: Notice) -> bool:
    try:
        notice.text()
    except (KeyError, ValueError):
        return False
    return True
