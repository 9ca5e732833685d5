"""A piece of text in Kokoro's letters, in the language of the voice and, for Han characters, in Mandarin."""

from __future__ import annotations

import re
from functools import lru_cache

from digital_human.speech import espeak, mandarin
from digital_human.speech.english import Accent, English
from digital_human.speech.vocabulary import NUMBERS

_HAN = re.compile("([\u3400-\u9fff][\u3400-\u9fff\u3000-\u303f\uff00-\uffef]*)")


def phonemes(text: str, language: str) -> str:
    """Letters of `vocabulary.NUMBERS`; '' where there is nothing to say.

    Raises BadInputError where a package or program for the language is missing.
    """
    if language == "zh-CN":
        said = mandarin.phones(text, _english("us").phones)
    elif language == "ja-JP":
        said = espeak.phones(text, language)
    else:
        runs = (run for run in _HAN.split(text) if run.strip())
        said = " ".join(
            mandarin.phones(run, _english("us").phones) if _HAN.match(run) else _latin(run, language) for run in runs
        )
    said = "".join(letter for letter in said if letter in NUMBERS)
    return re.sub(r"\s+([,.;:!?…])", r"\1", said)


def _latin(text: str, language: str) -> str:
    if language.startswith("en"):
        return _english("gb" if language == "en-GB" else "us").phones(text)
    return espeak.phones(text, language)


@lru_cache(2)
def _english(accent: Accent) -> English:
    return English(accent)
