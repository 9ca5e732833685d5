"""What a caller may choose about a video, beside its files."""

from __future__ import annotations

from dataclasses import dataclass

from digital_human.core.face_choice import FaceChoice, FacePoint
from digital_human.core.looping import Loop
from digital_human.core.trim import Trim
from digital_human.errors import BadInputError
from digital_human.pipeline.backdrop import is_colour, parse_colour
from digital_human.pipeline.output import RATES, Fit, parse_size
from digital_human.subtitles.kinds import Subtitles

LONGEST_LEAD = 30.0
"""Seconds of silence before and after a speech at most."""
LONGEST_PREVIEW = 60.0
LOUDNESS = -36.0, -10.0
"""Least and largest loudness that may be asked for, LUFS."""


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
    lead_in:        seconds of silence before the speech
    lead_out:       seconds of silence after it
    preview:        seconds, of which alone a marked video is made; None for all of it
    loudness:       LUFS of the audio; None to leave it as it is
    size:           of the picture, as of `parse_size`; None for the template's
    fit:            what happens where that has another shape
    fps:            frames per second of the picture; None for the template's
    background:     in place of a green or blue screen: `#RRGGBB`, or the path of a picture; None to leave it
    subtitles:      a file beside the result, or laid over its picture; None for none
    subtitle_text:  what is said
    """

    watermark: bool = False
    digital_auth: bool = False
    engine: str = ""
    mouth_strength: float = 1.0
    loop: Loop = "ping-pong"
    face: FaceChoice = "auto"
    trim: Trim | None = None
    lead_in: float = 0.0
    lead_out: float = 0.0
    preview: float | None = None
    loudness: float | None = None
    size: str | None = None
    fit: Fit = "letterbox"
    fps: float | None = None
    background: str | None = None
    subtitles: Subtitles | None = None
    subtitle_text: str | None = None


DEFAULT = RenderOptions()


def check(options: RenderOptions) -> None:
    """Raises BadInputError for options that suit no template."""
    if isinstance(options.face, FacePoint) and not options.face.is_in_picture:
        raise BadInputError("face_out_of_picture")
    _check_trim(options)
    if not all(0 <= seconds <= LONGEST_LEAD for seconds in (options.lead_in, options.lead_out)):
        raise BadInputError("lead_out_of_range", largest=LONGEST_LEAD)
    if options.preview is not None and not 0 < options.preview <= LONGEST_PREVIEW:
        raise BadInputError("preview_out_of_range", largest=LONGEST_PREVIEW)
    if options.loudness is not None and not LOUDNESS[0] <= options.loudness <= LOUDNESS[1]:
        raise BadInputError("loudness_out_of_range", least=LOUDNESS[0], largest=LOUDNESS[1])
    if options.fps is not None and not RATES[0] <= options.fps <= RATES[1]:
        raise BadInputError("fps_out_of_range", least=RATES[0], largest=RATES[1])
    if options.size is not None:
        parse_size(options.size)
    if options.background is not None and is_colour(options.background):
        parse_colour(options.background)
    if options.subtitles is not None and not (options.subtitle_text or "").strip():
        raise BadInputError("subtitle_text_empty")
    if options.subtitles == "burn" and not (options.subtitle_text or "").isascii():
        from digital_human.subtitles.drawing import missing_letters  # with Pillow, which few requests need

        if missing := missing_letters(options.subtitle_text or ""):
            raise BadInputError("subtitle_letters_missing", letters=" ".join(missing[:12]))


def _check_trim(options: RenderOptions) -> None:
    if options.trim is None:
        return
    if not options.trim.is_sound:
        raise BadInputError("trim_empty")
    if isinstance(options.face, FacePoint) and not options.trim.holds(options.face.time):
        raise BadInputError("face_outside_trim")


def tags(options: RenderOptions) -> dict[str, str]:
    """Metadata of the result's container."""
    return {} if options.preview is None else {"comment": f"preview of the first {options.preview:g} s"}
