"""Subtitles as files for players."""

from __future__ import annotations

from collections.abc import Sequence

from digital_human.subtitles.alignment import Cue


def written(cues: Sequence[Cue], kind: str) -> str:
    """The content of a file. kind: "srt" (SubRip) or "vtt" (WebVTT)"""
    return _srt(cues) if kind == "srt" else _vtt(cues)


def _srt(cues: Sequence[Cue]) -> str:
    return "".join(
        f"{number}\n{_moment(cue.start, ',')} --> {_moment(cue.end, ',')}\n{_text(cue)}\n\n"
        for number, cue in enumerate(cues, 1)
    )


def _vtt(cues: Sequence[Cue]) -> str:
    # WebVTT knows tags and references as HTML does.
    escaped = [_text(cue).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for cue in cues]
    return "WEBVTT\n\n" + "".join(
        f"{_moment(cue.start, '.')} --> {_moment(cue.end, '.')}\n{text}\n\n"
        for cue, text in zip(cues, escaped, strict=True)
    )


def _text(cue: Cue) -> str:
    return "\n".join(cue.lines)


def _moment(seconds: float, point: str) -> str:
    thousandths = round(seconds * 1000)
    whole, rest = divmod(thousandths, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{rest:03}"
