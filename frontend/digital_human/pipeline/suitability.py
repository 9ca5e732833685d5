"""How well a template suits, in figures and in warnings for the person who brings it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from digital_human.engines.exemplar.analysis import usable
from digital_human.errors import NoFaceError
from digital_human.pipeline.templates import PreparedTemplate, face_width

SMALL_FACE, SHORT = 120, 3.0
"""Pixels and seconds below which a template is warned of. Both still give a video."""
COVERED = 0.05
"""Share of the frames with something before the mouth that is worth a warning."""

Mouth = Literal["talking", "closed", "picture"]


@dataclass(frozen=True)
class Suitability:
    """Of a prepared template.

    face_width:          median over the frames, from ear to ear, pixels
    frames_without_face: they pass unchanged
    frames_covered:      in which something hides part of the lips
    mouth:               whether it is seen talking; a closed one, or a picture, gets teeth of a donor
    cuts:                hard cuts within the template
    hdr:                 the kind of HDR that its colours are converted from; None for SDR
    alpha:               whether it has an alpha channel
    """

    width: int
    height: int
    fps: str
    frames: int
    seconds: float
    face_width: int
    frames_without_face: int
    frames_covered: int
    mouth: Mouth
    cuts: int
    hdr: str | None = None
    alpha: bool = False

    def warnings(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Name and parameters of the message of each."""
        if self.face_width < SMALL_FACE:
            yield "suits_small_face", {"width": self.face_width, "good": SMALL_FACE}
        if self.frames_without_face:
            yield "suits_frames_without_face", {"count": self.frames_without_face, "frames": self.frames}
        if self.frames_covered > COVERED * self.frames:
            yield "suits_covered_mouth", {"count": self.frames_covered, "frames": self.frames}
        if self.mouth == "closed":
            yield "suits_closed_mouth", {}
        if self.mouth == "picture":
            yield "suits_picture", {}
        elif self.seconds < SHORT:
            yield "suits_short", {"seconds": self.seconds, "good": SHORT}
        if self.cuts:
            yield "suits_cuts", {"count": self.cuts}
        if self.hdr is not None:
            yield "suits_hdr", {"kind": self.hdr}
        if self.alpha:
            yield "suits_alpha", {}


def examine(prepared: PreparedTemplate) -> Suitability:
    """Needs only what is stored of the template, no frame of it."""
    info, template = prepared.info, prepared.template
    track, cover = template.track, template.cover
    count = template.frame_count
    return Suitability(
        width=info.width,
        height=info.height,
        fps=str(info.fps),
        frames=count,
        seconds=round(float(count / info.fps), 3),
        face_width=round(float(np.median(face_width(track.landmarks[track.present])))),
        frames_without_face=int((~track.present).sum()),
        frames_covered=0 if cover is None else int((cover.hidden > 0).sum()),
        mouth=_mouth(prepared),
        cuts=0 if track.shot is None else int((np.diff(track.shot) != 0).sum()),
        hdr=None if info.hdr is None else info.hdr.transfer.upper(),
        alpha=info.alpha,
    )


def _mouth(prepared: PreparedTemplate) -> Mouth:
    if prepared.info.still:
        return "picture"
    try:
        return "talking" if usable(prepared.template) else "closed"
    except NoFaceError:
        return "closed"
