"""Learns how English letters sound, for words that no lexicon has: `python -m training.voices.spelling`.

The lexicon's words are aligned with their phones by expectation-maximisation over Viterbi paths, each letter taking
none to two phones. Then every letter gets rules of growing context, of which only those are kept that correct a
shorter one (after Daelemans et al. 1997, "IGTree"). Prints the share of held-out words and phones that come out right.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from digital_human.speech.spelling import CONTEXTS, context_of, spell

TARGET = Path(__file__).parents[2] / "frontend" / "digital_human" / "assets" / "english_spelling.json"
ROUNDS = 4
MOST_WORDS = 70_000
LEAST_COUNT = 3
"""Words that a rule must be seen in."""
HELD_OUT = 2000
MARKS = "ˈˌ"

Word = tuple[str, tuple[str, ...]]
Chunk = tuple[str, ...]


def lexicon() -> list[Word]:
    """Lower-case words and their phones, each with the stress mark before it."""
    found: dict[str, str] = {}
    for name in ("us_silver.json", "us_gold.json"):
        entries = json.loads((files("misaki") / "data" / name).read_text(encoding="utf-8"))
        found |= {word: said for word, said in entries.items() if isinstance(said, str)}
    words = [(word, phones(said)) for word, said in found.items() if word.isascii() and word.isalpha()]
    plain = [(word.lower(), said) for word, said in words if not word.isupper() and 3 <= len(word) <= 14]
    return [(word, said) for word, said in plain if len(word) / 2 <= len(said) <= len(word) + 2]


def phones(said: str) -> tuple[str, ...]:
    result: list[str] = []
    mark = ""
    for letter in said:
        if letter in MARKS:
            mark = letter
        else:
            result.append(mark + letter)
            mark = ""
    return tuple(result)


def plain(chunk: Iterable[str]) -> Chunk:
    return tuple(phone.lstrip(MARKS) for phone in chunk)


def align(word: Word, scores: Mapping[tuple[str, Chunk], float], floor: float) -> list[Chunk]:
    """The likeliest division of the phones among the letters."""
    letters, said = word
    bare = plain(said)
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for letter in letters:
        after: dict[int, tuple[float, list[int]]] = {}
        for at, (score, path) in best.items():
            for length in range(min(2, len(bare) - at) + 1):
                total = score + scores.get((letter, bare[at : at + length]), floor - length)
                if at + length not in after or total > after[at + length][0]:
                    after[at + length] = (total, [*path, length])
        best = after
    lengths = best[len(bare)][1]
    chunks, at = [], 0
    for length in lengths:
        chunks.append(said[at : at + length])
        at += length
    return chunks


def aligned(words: Sequence[Word]) -> list[list[Chunk]]:
    counts: Counter[tuple[str, Chunk]] = Counter()
    for letters, said in words:
        for index, letter in enumerate(letters):
            near = round(index * len(said) / len(letters))
            for at in range(max(near - 1, 0), min(near + 2, len(said))):
                counts[letter, plain(said[at : at + 1])] += 1
    for _ in range(ROUNDS):
        totals: Counter[str] = Counter()
        for (letter, _chunk), count in counts.items():
            totals[letter] += count
        scores = {key: math.log(count / totals[key[0]]) for key, count in counts.items()}
        found = [align(word, scores, -9.0) for word in words]
        counts = Counter(
            (letter, plain(chunk))
            for (letters, _), chunks in zip(words, found, strict=True)
            for letter, chunk in zip(letters, chunks, strict=True)
        )
    return found


def learn(words: Sequence[Word]) -> dict[str, str]:
    """Context of a letter -> its phones; the longest context that is known decides."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for (letters, _), chunks in zip(words, aligned(words), strict=True):
        for index, chunk in enumerate(chunks):
            for before, behind in CONTEXTS:
                seen[context_of(letters, index, before, behind)]["".join(chunk)] += 1
    rules: dict[str, str] = {}
    for level, (before, behind) in enumerate(CONTEXTS):
        for key, counts in seen.items():
            if key.index("|") != before or len(key) - key.rindex("|") - 1 != behind:
                continue
            said, count = counts.most_common(1)[0]
            left, letter, right = key.split("|")
            shorter = (f"{left[len(left) - b :]}|{letter}|{right[:a]}" for b, a in reversed(CONTEXTS[:level]))
            known = next((rules[short] for short in shorter if short in rules), None)
            if level == 0 or (count >= LEAST_COUNT and said != known):
                rules[key] = said
    return rules


def main() -> None:
    words = lexicon()
    random.Random(1).shuffle(words)
    held, words = words[:HELD_OUT], words[HELD_OUT : HELD_OUT + MOST_WORDS]
    rules = learn(words)
    right = sum(plain(phones(spell(letters, rules))) == plain(said) for letters, said in held)
    whole = sum(phones(spell(letters, rules)) == said for letters, said in held)
    print(f"{len(rules)} rules; held-out words right: {right / len(held):.3f}, with stress {whole / len(held):.3f}")
    for letters, said in held[:12]:
        print(letters, "".join(said), spell(letters, rules))
    TARGET.write_text(json.dumps(rules, ensure_ascii=False, separators=(",", ":"), sort_keys=True))
    print(TARGET.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
