"""How an English word sounds that no lexicon has, by rules that were learnt from the words that one has."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

CONTEXTS = ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (4, 4))
"""Letters before and after the one that a rule is about, the shortest rule first."""

VOWELS = "AIOQWYaeiouæɑɐɒɔəɚɛɜɪɨʊʌᵊᵻ"
_RULES = Path(__file__).parents[1] / "assets" / "english_spelling.json"
_STRESSED = re.compile(f"[ˈˌ](?=[^{VOWELS}])")


def context_of(word: str, index: int, before: int, behind: int) -> str:
    """Key of a rule: 'be|f|ore'. Beyond the word's ends stands '_'."""
    padded = "_" * before + word + "_" * behind
    return f"{padded[index : index + before]}|{word[index]}|{padded[index + before + 1 : index + before + 1 + behind]}"


def spell(word: str, rules: Mapping[str, str] | None = None) -> str:
    """Kokoro's letters for a word of the letters a-z, with one main stress."""
    rules = english_rules() if rules is None else rules
    said = ""
    for index in range(len(word)):
        keys = (context_of(word, index, before, behind) for before, behind in reversed(CONTEXTS))
        chunk = next((rules[key] for key in keys if key in rules), "")
        # What a doubled letter says is said once.
        said += "" if chunk and index and word[index - 1] == word[index] and said.endswith(chunk) else chunk
    return _stressed(said)


@lru_cache(1)
def english_rules() -> Mapping[str, str]:
    rules: dict[str, str] = json.loads(_RULES.read_text(encoding="utf-8"))
    return rules


def _stressed(said: str) -> str:
    """The first main stress is kept, or put on the first vowel."""
    said = _STRESSED.sub("", said)
    first = said.find("ˈ")
    if first >= 0:
        return said[: first + 1] + said[first + 1 :].replace("ˈ", "ˌ")
    if "ˌ" in said:
        return said.replace("ˌ", "ˈ", 1)
    for vowels in (VOWELS.replace("ə", "").replace("ᵊ", "").replace("ᵻ", ""), VOWELS):
        at = next((index for index, letter in enumerate(said) if letter in vowels), None)
        if at is not None:
            return f"{said[:at]}ˈ{said[at:]}"
    return said
