"""English text in Kokoro's letters: the lexicon that it was trained with, endings, compounds, rules for the rest."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Literal

from digital_human.errors import BadInputError
from digital_human.speech.english_numbers import in_words
from digital_human.speech.spelling import VOWELS, spell

Accent = Literal["us", "gb"]
Entry = str | Mapping[str, str | None]

_TOKENS = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*['’]?|[;:,.!?—…\"()“”]|-|\s+|.", re.DOTALL)
_SIBILANTS, _VOICELESS = "szʃʒʧʤ", "pktfθ"
_SHORTEST_PART = 3
_VERB_FOLLOWS = "to will would can could should must may might don't didn't doesn't i we you they let's"
_NOUN_FOLLOWS = "a an the my your his her its our their this that no some any each every first"
_TO_VERB, _TO_NOUN = frozenset(_VERB_FOLLOWS.split()), frozenset(_NOUN_FOLLOWS.split())
_WORDS_OF_FOUR = 4
"""Capitals that long are read as a word if there is one."""


class English:
    """Phones of one accent. Raises BadInputError if the lexicon's package is missing."""

    def __init__(self, accent: Accent) -> None:
        self._accent = accent
        self._rare, self._common = (_lexicon(f"{accent}_{name}.json") for name in ("silver", "gold"))

    def phones(self, text: str) -> str:
        """A sentence in Kokoro's letters, punctuation and spaces among them."""
        plain = _latin(in_words(text))
        tokens = _TOKENS.findall(plain)
        shouts = plain.isupper() and len(plain.split()) > 2
        said: list[str] = []
        words = [index for index, token in enumerate(tokens) if token[0].isalpha()]
        following = {index: tokens[behind] for index, behind in pairwise(words)} | dict.fromkeys(words[-1:], "")
        before = ""
        for index, token in enumerate(tokens):
            if index in following:
                word = token.lower() if shouts else token
                said.append(self._word(word, before, following[index]))
                before = token.lower()
            elif token in ';:,.!?—…"()“”':
                said.append(token)
            elif token.isspace() or token == "-":
                said.append(" ")
        return re.sub(r"\s+", " ", "".join(said)).strip()

    def _word(self, word: str, before: str, following: str) -> str:
        plain = word.replace("’", "'")
        weak = self._weak(plain.lower(), following)
        if weak:
            return weak
        entry = self._entry(plain)
        if plain.isupper() and len(plain) > 1 and self._is_spelt(plain, entry):
            return self._letters(plain)
        found = _choose(entry, before) or self._inflected(plain.lower(), before) or self._compound(plain.lower())
        return found or self._rest(plain)

    def _entry(self, word: str) -> Entry | None:
        for form in (word, word.lower(), word.capitalize()):
            for lexicon in (self._common, self._rare):
                if form in lexicon:
                    return lexicon[form]
        return None

    def _is_spelt(self, word: str, entry: Entry | None) -> bool:
        """Whether capitals are read letter by letter: 'IT', 'URL', but not 'NASA' or 'STOP'."""
        if isinstance(entry, Mapping) and entry.get("NOUN", "") is None:
            return True
        exact = word in self._common
        return not exact and (len(word) < _WORDS_OF_FOUR or entry is None)

    def _weak(self, word: str, following: str) -> str:
        """The words whose sound depends on the one behind them."""
        if word == "a" and following:
            return "ɐ"
        if word == "an":
            return "ən" if self._accent == "us" else "ɐn"
        if word == "the":
            return "ði" if self._starts_with_vowel(following) else "ðə"
        if word == "to":
            return ("tʊ" if self._starts_with_vowel(following) else "tə") if following else "tu"
        return ""

    def _starts_with_vowel(self, word: str) -> bool:
        if not word:
            return False
        said = self._letters(word[0]) if word.isupper() and len(word) > 1 else self._word(word, "", "")
        return said.lstrip("ˈˌ")[:1] in VOWELS

    def _letters(self, word: str) -> str:
        """One letter after the other, the last one stressed."""
        names = [str(_choose(self._common.get(letter.upper(), ""), "") or "") for letter in word if letter.isalpha()]
        names = [re.sub("[ˈˌ]", "", name) for name in names]
        marked = [_mark(name, "ˈ" if place == len(names) - 1 else "ˌ") for place, name in enumerate(names)]
        return "".join(marked)

    def _inflected(self, word: str, before: str) -> str:
        """Plurals, past forms and the like of a word in the lexicon."""
        if word.endswith(("'s", "s'")) or (word.endswith("s") and not word.endswith("ss") and len(word) > 2):
            for stem in _stems(word, ("'s", "s'", "'", "ies", "es", "s")):
                if (said := _choose(self._entry(stem), before)) and len(stem) > 1:
                    return said + _plural(said)
        if word.endswith("ed") and len(word) > 3:
            for stem in _stems(word, ("ied", "ed", "d")):
                if said := _choose(self._entry(stem), "to"):
                    return said + ("ᵻd" if said[-1] in "td" else "t" if said[-1] in _VOICELESS + "sʃʧ" else "d")
        for ending, sound in (
            ("ing", "ɪŋ"),
            ("in'", "ɪn"),
            ("er", "əɹ" if self._accent == "us" else "ə"),
            ("ly", "li"),
            ("ness", "nəs"),
            ("less", "ləs"),
            ("able", "əbᵊl"),
            ("'ll", "ᵊl"),
            ("'ve", "v"),
            ("'d", "d"),
        ):
            if word.endswith(ending) and len(word) > len(ending) + 1:
                for stem in _stems(word, (ending,)):
                    if said := _choose(self._entry(stem), before):
                        return said + sound
        for prefix, sound in (("un", "ˌʌn"), ("re", "ɹˌi"), ("pre", "pɹˌi"), ("non", "nˌɑn"), ("anti", "ˌænti")):
            rest = word.removeprefix(prefix)
            if rest != word and len(rest) > _SHORTEST_PART and (said := _choose(self._entry(rest), "")):
                return sound + said
        return ""

    def _compound(self, word: str) -> str:
        """'livestream' as 'live' and 'stream', the second stressed less."""
        for cut in range(len(word) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
            first, second = self._common.get(word[:cut]), self._common.get(word[cut:])
            if first is not None and second is not None:
                return f"{_choose(first, '')}{(_choose(second, '') or '').replace('ˈ', 'ˌ')}"
        return ""

    def _rest(self, word: str) -> str:
        parts = re.findall(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]", word.replace("'", ""))
        if len(parts) > 1:
            # 'YouTube', 'eBay', 'GPUs'
            return "".join(self._word(part, "", "x") if part != "s" else "z" for part in parts)
        lower = word.lower().replace("'", "")
        if len(lower) == 1 or not re.search("[aeiouy]", lower):
            return self._letters(word)
        said = spell(lower)
        return said if self._accent == "us" else said.replace("ɾ", "t").replace("O", "Q").replace("æ", "a")


def _stems(word: str, endings: tuple[str, ...]) -> list[str]:
    """What may stand before the first ending that fits: 'making' -> 'mak', 'make'; 'running' -> 'run'."""
    found: list[str] = []
    for ending in endings:
        if not word.endswith(ending):
            continue
        stem = word[: -len(ending)]
        if ending.startswith("ie"):
            found.append(stem + "y")
            continue
        found.append(stem)
        if ending in ("ing", "ed", "er", "able", "in'"):
            found.append(stem + "e")
            if len(stem) > 2 and stem[-1] == stem[-2]:
                found.append(stem[:-1])
        if ending in ("ly", "ness") and stem.endswith("i"):
            found.append(stem[:-1] + "y")
    return found


def _plural(said: str) -> str:
    if said[-1] in _SIBILANTS:
        return "ᵻz"
    return "s" if said[-1] in _VOICELESS else "z"


def _choose(entry: Entry | None, before: str) -> str:
    """The sound of an entry, by the word before it where a verb and a noun are told apart."""
    if entry is None or isinstance(entry, str):
        return entry or ""
    if before in _TO_VERB and entry.get("VERB"):
        return str(entry["VERB"])
    if before in _TO_NOUN and entry.get("NOUN"):
        return str(entry["NOUN"])
    return entry.get("DEFAULT") or ""


def _mark(name: str, mark: str) -> str:
    """A letter's name with a stress mark before its vowel."""
    at = next((index for index, sign in enumerate(name) if sign in VOWELS), None)
    return name if at is None else f"{name[:at]}{mark}{name[at:]}"


def _latin(text: str) -> str:
    """Letters without their accents: 'café' -> 'cafe'."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


@lru_cache(4)
def _lexicon(name: str) -> Mapping[str, Entry]:
    try:
        # Read as data: the package's own code wants a download.
        text = (files("misaki") / "data" / name).read_text(encoding="utf-8")
    except (ModuleNotFoundError, OSError) as error:
        raise BadInputError("voices_not_installed") from error
    entries: dict[str, Entry] = json.loads(text)
    return entries
