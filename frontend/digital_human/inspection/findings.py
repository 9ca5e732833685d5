"""What became of the frames that were looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from digital_human.core.notices import Notice

Outcome = Literal["fine", "redrawn", "passed", "kept"]
"""Nothing was wrong; drawn again, and right then; shown as the template has it; left with a small fault."""
LISTED = 200
"""Ruined frames that a summary lists."""


@dataclass(frozen=True)
class Finding:
    """frame: of the output; kind: see `figures.KINDS`, empty if nothing is wrong"""

    frame: int
    kind: str
    outcome: Outcome

    def to_record(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def summary(findings: Sequence[Mapping[str, Any]], mode: str) -> dict[str, Any]:
    """A few figures for the report of a task. findings: records; mode: see `Settings.inspect`"""
    ruined = sorted((one for one in findings if one["kind"]), key=lambda one: int(one["frame"]))
    return {
        "mode": mode,
        "looked": len(findings),
        "ruined": dict(Counter(str(one["kind"]) for one in ruined)),
        "redrawn": _count(ruined, "redrawn"),
        "passed": _count(ruined, "passed"),
        "kept": _count(ruined, "kept"),
        "frames": [dict(one) for one in ruined[:LISTED]],
    }


def notices_of(findings: Sequence[Mapping[str, Any]]) -> list[Notice]:
    looked = len(findings)
    counts = {name: _count(findings, outcome) for name, outcome in OUTCOMES.items()}
    return [Notice(name, {"count": count, "looked": looked}) for name, count in counts.items() if count]


OUTCOMES: Mapping[str, Outcome] = {"frames_redrawn": "redrawn", "frames_passed": "passed"}
"""Names of notices."""


def _count(findings: Iterable[Mapping[str, Any]], outcome: Outcome) -> int:
    return sum(one["outcome"] == outcome for one in findings)
