"""`digital-human install kokoro`, and the speech of `digital-human generate --text`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from digital_human.errors import BadInputError
from digital_human.files.atomic import disk_errors
from digital_human.runtime import voices
from digital_human.runtime.context import make_folders
from digital_human.runtime.triton import Triton
from digital_human.settings import Settings
from digital_human.speech import model
from digital_human.speech.said import Phones
from digital_human.speech.speaker import SpokenText, noting, speak, write_wav

LARGEST_TEXT_FILE = 2**20


def install(settings: Settings, to: Path | None) -> int:
    """Make the model's folder in `to`, or where the embedded Triton of these settings finds it."""
    if to is None:
        make_folders(settings)
    folder = model.install(to or settings.model_repositories[1])
    print(f"{folder}: installed; it is loaded when a text is to be spoken", file=sys.stderr)
    return 0


def read_text(path: Path) -> str:
    """A text file in UTF-8. Raises BadInputError."""
    try:
        if path.stat().st_size > LARGEST_TEXT_FILE:
            raise BadInputError("text_too_long", field="text-file", most=LARGEST_TEXT_FILE)
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise BadInputError("file_unreadable", field="text-file", reason=reason) from error


def speech_file(
    spoken: SpokenText, settings: Settings, triton: Triton, folder: Path, progress: Callable[[float], None]
) -> tuple[Path, list[Phones]]:
    """Speak a text into a WAV file in `folder`. Returns the file, and the phones of its pieces.

    Raises what the speaker raises, and OutputError.
    """
    path = folder / "speech.wav"
    speaker = voices.speaker_for(settings, triton, spoken.text)
    with disk_errors(str(folder)):
        phones: list[Phones] = []
        write_wav(path, noting(speak(spoken, speaker, progress), phones))
    return path, phones
