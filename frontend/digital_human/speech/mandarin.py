"""Mandarin text in Kokoro's letters: words, their readings, and the tones after the vowels."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from digital_human.errors import BadInputError
from digital_human.speech.chinese_numbers import in_words

_INITIALS = {
    "": "", "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ",
    "h": "x", "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ",
    "z": "ʦ", "c": "ʦʰ", "s": "s",
}  # fmt: skip
_FINALS = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0", "e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ",
    "er": "ɚ0", "i": "i0", "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ", "iao": "jau0", "ie": "je0", "in": "i0n",
    "iou": "jou0", "ing": "i0ŋ", "iong": "jʊ0ŋ", "io": "jɔ0", "ong": "ʊ0ŋ", "ou": "ou0", "u": "u0", "uei": "wei0",
    "ua": "wa0", "uai": "wai0", "uan": "wa0n", "uen": "wə0n", "uang": "wa0ŋ",
    "ueng": "wə0ŋ", "uo": "wo0", "o": "wo0",
    "v": "y0", "ve": "ɥe0", "van": "ɥɛ0n", "vn": "y0n", "ê": "ɛ0", "m": "m0", "n": "n0", "ng": "ŋ0",
}  # fmt: skip
"""Rhymes as pypinyin writes them strictly; the tone comes where 0 stands."""
_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_BUZZED = ("zh", "ch", "sh", "r", "z", "c", "s")
"""Initials after which i is no i."""
_PUNCTUATION = str.maketrans({
    "、": ", ", "，": ", ", "。": ". ", "．": ". ", "！": "! ", "：": ": ", "；": "; ", "？": "? ",
    "《": "“", "》": "”",
    "「": "“", "」": "”", "『": "“", "』": "”", "【": "“", "】": "”", "（": "(", "）": ")", "·": " ", "～": "—",
})  # fmt: skip
_HAN = "\u3400-\u9fff"
_RUNS = re.compile(rf"[{_HAN}]+|[A-Za-z][A-Za-z0-9'’. -]*[A-Za-z0-9]|[A-Za-z]|[^{_HAN}A-Za-z]+")


def phones(text: str, english: Callable[[str], str]) -> str:
    """A sentence in Kokoro's letters. english: reads what is written in Latin letters

    Raises BadInputError if the packages with words and readings are missing.
    """
    said: list[str] = []
    for run in _RUNS.findall(in_words(text).translate(_PUNCTUATION)):
        if re.match(f"[{_HAN}]", run):
            said.append(" ".join(map(_word, _cut()(run))))
        elif run[0].isalpha():
            said.append(f" {english(run)} ")
        else:
            said.append(run)
    return re.sub(r"\s+([,.!?;:])", r"\1", re.sub(r"\s+", " ", "".join(said))).strip()


def _word(word: str) -> str:
    from pypinyin import Style, lazy_pinyin

    initials = lazy_pinyin(word, style=Style.INITIALS, strict=True)
    rhymes = lazy_pinyin(word, style=Style.FINALS_TONE3, strict=True, neutral_tone_with_five=True)
    return "".join(map(_syllable, initials, rhymes))


def _syllable(initial: str, rhyme: str) -> str:
    final, tone = rhyme.rstrip("12345"), rhyme[-1:]
    pattern = "ɨ0" if final == "i" and initial in _BUZZED else _FINALS.get(final, "")
    if final == "o" and not initial:
        pattern = "ɔ0"
    return _INITIALS.get(initial, "") + pattern.replace("0", _TONES.get(tone, ""))


@lru_cache(1)
def _cut() -> Callable[[str], list[str]]:
    """Parts a run of characters into words."""
    try:
        import jieba
        import pypinyin  # noqa: F401
    except ImportError as error:
        raise BadInputError("voices_not_installed") from error
    words = jieba.Tokenizer()
    # By itself it would keep its words in a file below /tmp that anybody may have written.
    words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
    words.initialized = True

    def cut(run: str) -> list[str]:
        found: list[str] = words.lcut(run)
        return found

    return cut
