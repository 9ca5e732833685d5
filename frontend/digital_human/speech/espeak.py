"""Phones of Spanish, French, Italian, Portuguese, Hindi and Japanese kana by the program espeak-ng, if it is installed.

espeak-ng is under the GPL: it is neither shipped nor linked, only run where an operator has installed it.
"""

from __future__ import annotations

import re
import shutil
import subprocess

from digital_human.errors import BadInputError

PROGRAM = "espeak-ng"
VOICES = {"es-ES": "es", "fr-FR": "fr-fr", "it-IT": "it", "pt-BR": "pt-br", "hi-IN": "hi", "ja-JP": "ja"}
"""Language -> espeak-ng's name of it."""

_SECONDS = 20.0
_CLAUSES = re.compile(r"([,.;:!?…،、，。？！।]+)")
_PUNCTUATION = str.maketrans({"،": ",", "、": ",", "，": ",", "。": ".", "？": "?", "！": "!", "।": "."})
_LETTERS = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "t^s": "ʦ", "t^ʃ": "ʧ",
    "ɔ^ɪ": "Y", "t^ɕ": "ʨ", "d^ʑ": "ʥ", "-": "", "ʏ": "y", "ɫ": "l", "ʀ": "ʁ", "ħ": "h", "ʕ": "ʔ", "ɵ": "o", "ʉ": "u",
    "ɞ": "ɜ", "ɱ": "m", "ɭ": "l", "ʐ": "ʒ", "ʑ": "ʒ", "ɢ": "ɡ", "g": "ɡ", "ɝ": "ɜɹ", "ä": "a", "ɦ": "h", "ɬ": "l",
    "^": "",
}  # fmt: skip
"""What espeak-ng writes -> what Kokoro was trained on, or the nearest that it knows."""


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


def require(language: str) -> None:
    """Raises BadInputError if a language needs espeak-ng and it is not there."""
    if language in VOICES and not is_installed():
        raise BadInputError("espeak_not_installed", language=language)


def phones(text: str, language: str) -> str:
    """A sentence in Kokoro's letters.

    Raises BadInputError if espeak-ng is missing or cannot read the text.
    """
    parts = [part for part in _CLAUSES.split(text) if part.strip()]
    said = [part[0].translate(_PUNCTUATION) if _CLAUSES.fullmatch(part) else _clause(part, language) for part in parts]
    return re.sub(r"\s+([,.;:!?…])", r"\1", " ".join(said)).strip()


def _clause(text: str, language: str) -> str:
    command = [PROGRAM, "-q", "--ipa=3", "--tie=^", "-v", VOICES[language], "--stdin"]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except FileNotFoundError as error:
        raise BadInputError("espeak_not_installed", language=language) from error
    except (subprocess.SubprocessError, UnicodeError) as error:
        raise BadInputError("text_unreadable", language=language) from error
    said = re.sub(r"\([a-z-]+\)", "", " ".join(done.stdout.split()))
    for written, meant in _LETTERS.items():
        said = said.replace(written, meant)
    return said
