"""What the command line may ask of a result, and of the template under it."""

from __future__ import annotations

import argparse
from pathlib import Path

from digital_human.core.face_choice import FaceChoice, parse_choice
from digital_human.core.looping import LOOPS
from digital_human.core.trim import Trim, parse_trim
from digital_human.errors import ServiceError
from digital_human.files.sandbox import Allowed, input_path
from digital_human.pipeline.backdrop import is_colour
from digital_human.pipeline.options import RenderOptions
from digital_human.pipeline.output import FITS
from digital_human.subtitles.kinds import SUBTITLES


def add_template_arguments(parser: argparse.ArgumentParser) -> None:
    """What a template is studied for, so that `prepare` and `generate` find the same one in the store."""
    parser.add_argument(
        "--face",
        type=_face,
        default="auto",
        metavar="auto|largest|X,Y[,TIME]",
        help="who speaks of several people: X and Y are fractions of the picture, TIME seconds (default: auto)",
    )
    parser.add_argument(
        "--trim",
        type=_trim,
        metavar="START[,END]",
        help="the part of the template that is used, in seconds from its beginning (default: all of it)",
    )


def add_result_arguments(parser: argparse.ArgumentParser) -> None:
    add_template_arguments(parser)
    parser.add_argument("--engine", default="", help="how to lip-sync (ENGINE)")
    parser.add_argument(
        "--mouth-strength", type=float, default=1.0, help="how far the mouth opens, 0.5-1.5 (default: 1)"
    )
    parser.add_argument(
        "--loop", choices=LOOPS, default="ping-pong", help="how a speech longer than the template goes on"
    )
    parser.add_argument("--watermark", action="store_true", help="lay the watermark over it")
    parser.add_argument("--digital-auth", action="store_true", help="lay the digital-human mark over it")
    parser.add_argument("--lead-in", type=float, default=0.0, metavar="SECONDS", help="silence before the speech")
    parser.add_argument("--lead-out", type=float, default=0.0, metavar="SECONDS", help="silence after the speech")
    parser.add_argument("--preview", type=float, metavar="SECONDS", help="make only the beginning, marked as a preview")
    parser.add_argument("--loudness", type=float, metavar="LUFS", help="of the audio, as -16 (default: as it is)")
    parser.add_argument("--size", metavar="HEIGHT|WIDTHxHEIGHT", help="of the picture (default: the template's)")
    parser.add_argument("--fit", choices=FITS, default="letterbox", help="what happens where the shape is another")
    parser.add_argument("--fps", type=float, help="frames per second (default: the template's)")
    parser.add_argument(
        "--background",
        type=_background,
        metavar="#RRGGBB|PICTURE",
        help="in place of the template's green or blue screen; a picture covers the frame",
    )
    parser.add_argument("--subtitles", choices=SUBTITLES, help="a file beside the result, or laid over its picture")
    parser.add_argument(
        "--subtitle-text", type=_text, metavar="FILE", help="what is said, in UTF-8 (default: the text to be spoken)"
    )


def options_of(arguments: argparse.Namespace, said: str | None) -> RenderOptions:
    """The options that were typed, not yet checked. said: the text to be spoken, which is that of subtitles too"""
    return RenderOptions(
        watermark=arguments.watermark,
        digital_auth=arguments.digital_auth,
        engine=arguments.engine,
        mouth_strength=arguments.mouth_strength,
        loop=arguments.loop,
        face=arguments.face,
        trim=arguments.trim,
        lead_in=arguments.lead_in,
        lead_out=arguments.lead_out,
        preview=arguments.preview,
        loudness=arguments.loudness,
        size=arguments.size,
        fit=arguments.fit,
        fps=arguments.fps,
        background=arguments.background,
        subtitles=arguments.subtitles,
        subtitle_text=arguments.subtitle_text or (said if arguments.subtitles else None),
    )


def _face(text: str) -> FaceChoice:
    try:
        return parse_choice(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of auto, largest, X,Y and X,Y,TIME") from None


def _trim(text: str) -> Trim:
    try:
        return parse_trim(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of START, START,END and ,END") from None


def _background(text: str) -> str:
    if is_colour(text):
        return text
    # The person at the keyboard may read whatever their account may.
    allowed = Allowed(Path.cwd(), (Path("/"),))
    try:
        return str(input_path(text, "background", allowed))
    except ServiceError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{path}: cannot be read ({error})") from None
