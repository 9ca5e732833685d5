"""What a caller may choose about a video, beside its files."""

from __future__ import annotations

from dataclasses import dataclass

from digital_human.core.face_choice import FaceChoice, FacePoint
from digital_human.core.looping import Loop
from digital_human.core.trim import Trim
from digital_human.errors import BadInputError


@dataclass(frozen=True)
class RenderOptions:
    """The options of one video, from the request through the queue and the worker to the renderer.

    A new option needs a default, so that jobs queued by an earlier version go on. Add it here, to the request
    (`api.models`) and the command line (`cli`), and use it in `pipeline`.

    watermark:      lay the watermark picture over the lower right corner
    digital_auth:   lay the digital-human mark over the upper right corner
    engine:         how to lip-sync; empty for the service's default
    mouth_strength: how far the mouth opens, see `Engine.plan`
    loop:           how a speech goes on that is longer than the template
    face:           who speaks, where the template shows several people
    trim:           the part of the template that is used; None for all of it
    """

    watermark: bool = False
    digital_auth: bool = False
    engine: str = ""
    mouth_strength: float = 1.0
    loop: Loop = "ping-pong"
    face: FaceChoice = "auto"
    trim: Trim | None = None


DEFAULT = RenderOptions()


def check(options: RenderOptions) -> None:
    """Raises BadInputError for options that suit no template."""
    if isinstance(options.face, FacePoint) and not options.face.is_in_picture:
        raise BadInputError("face_out_of_picture")
    if options.trim is not None and not options.trim.is_sound:
        raise BadInputError("trim_empty")
    if options.trim is not None and isinstance(options.face, FacePoint) and not options.trim.holds(options.face.time):
        raise BadInputError("face_outside_trim")
