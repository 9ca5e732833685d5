"""Warnings that are known before a video is drawn: frames that pass through, small faces, converted colours."""

from __future__ import annotations

import numpy as np

from digital_human.core.border import cut_off
from digital_human.core.landmarks import Indices
from digital_human.core.notices import Notice
from digital_human.core.types import Template
from digital_human.media import VideoInfo
from digital_human.pipeline.templates import face_width

SMALL = 80
"""Width of a face, pixels, below which a drawn mouth has hardly any detail."""


def notices_of_source(info: VideoInfo, behind: tuple[int, int, int] | None = None) -> list[Notice]:
    """Notices of what becomes of the template's pictures as a whole.

    behind: R, G and B of what shows through an alpha channel; None where nothing is laid behind it
    """
    notices = [] if info.hdr is None else [Notice("hdr_tone_mapped", {"kind": info.hdr.transfer.upper()})]
    if info.alpha and behind is not None:
        notices.append(Notice("alpha_flattened", {"colour": "#" + bytes(behind).hex()}))
    return notices


def notices_of(template: Template, shown: Indices) -> list[Notice]:
    """Notices of a video that shows these template frames, int64 [N]. Each frame counts once, for its first reason."""
    track, cover = template.track, template.cover
    nowhere = np.zeros(template.frame_count, np.bool_)
    hidden = nowhere if cover is None else cover.through == 1
    unsure = nowhere if cover is None else hidden & cover.unsure
    reasons = {
        "mouth_hidden": hidden & ~unsure,
        "mouth_unsure": unsure,
        "face_missing": ~track.present,
        "mouth_cut_off": cut_off(track, template.width, template.height),
    }
    notices, counted = [], nowhere
    for name, where in reasons.items():
        if count := int((where & ~counted)[shown].sum()):
            notices.append(Notice(name, {"count": count, "frames": len(shown)}))
        counted = counted | where
    seen = np.unique(shown[track.present[shown]])
    if len(seen) and (width := int(np.median(face_width(track.landmarks[seen])))) < SMALL:
        notices.append(Notice("face_small", {"width": width}))
    if track.seen is not None and len(track.seen.boxes) > 1:
        notices.append(Notice("several_people", {"count": len(track.seen.boxes), "number": track.seen.driven + 1}))
    return notices
