"""Synthetic speech to learn from, many languages in many voices."""

from __future__ import annotations

import random
from collections.abc import Sequence

from export.networks.speech_to_lips import SAMPLE_RATE
from training.speech.corpus import Spoken
from training.speech.kokoro import KOKORO_LANGUAGES, NATIVE, Kokoro, letters_of
from training.speech.phones import label
from training.speech.synthesis import espeak
from training.speech.texts import TRAINING_LANGUAGES, Words

ENGLISH_OR_MANDARIN = 0.3
"""Share of what espeak-ng says in these two languages, besides what the others' turn gives them."""


def by_espeak(seconds: float, seed: int, variants: Sequence[str]) -> list[Spoken]:
    """About `seconds` of espeak-ng in every language that it and `wordfreq` know."""
    chance, words, found, total = random.Random(seed), _Vocabulary(), [], 0.0
    while total < seconds:
        voice = chance.choice(list(TRAINING_LANGUAGES))
        if chance.random() < ENGLISH_OR_MANDARIN:
            voice = chance.choice(["en-us", "cmn"])
        text = words[TRAINING_LANGUAGES[voice]].phrase(chance)
        rate, pitch, span = chance.randint(120, 230), chance.randint(20, 80), chance.randint(30, 80)
        said = espeak().say(text, voice + chance.choice(variants), rate, pitch, span)
        if said is not None and len(said.audio) > SAMPLE_RATE:
            found.append(Spoken(said.audio, label(said.phones, said.audio)))
            total += len(said.audio) / SAMPLE_RATE
    return found


def by_kokoro(kokoro: Kokoro, seconds: float, seed: int, voices: Sequence[str], only: str = "") -> list[Spoken]:
    """About `seconds` of Kokoro, three of four phrases by a voice recorded in their language; only: one."""
    chance, words, found, total = random.Random(seed), _Vocabulary(), [], 0.0
    while total < seconds:
        language = only or chance.choices(list(KOKORO_LANGUAGES), list(KOKORO_LANGUAGES.values()))[0]
        native = [voice for voice in voices if NATIVE.get(voice[0]) == language]
        voice = chance.choice(native if native and chance.random() < 0.75 else list(voices))
        text = words[TRAINING_LANGUAGES[language]].phrase(chance)
        speed = chance.choice([1.0, 1.0, chance.uniform(0.75, 1.35)])
        said = kokoro.say(letters_of(text, language), voice, speed, language)
        found.append(Spoken(said.audio, label(said.phones, said.audio)))
        total += len(said.audio) / SAMPLE_RATE
    return found


class _Vocabulary(dict[str, Words]):
    def __missing__(self, language: str) -> Words:
        self[language] = Words(language)
        return self[language]
