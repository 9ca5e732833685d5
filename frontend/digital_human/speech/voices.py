"""The voices that ship, and which of them speaks a text if the caller names none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from digital_human.core.frame import Float32
from digital_human.errors import BadInputError

Gender = Literal["female", "male"]

ASSETS = Path(__file__).parents[1] / "assets"
STYLE_SIZE = 256


@dataclass(frozen=True)
class Voice:
    """id: as callers name it; name: for people; language: BCP 47"""

    id: str
    name: str
    language: str
    gender: Gender


LANGUAGES: Mapping[str, str] = {
    "a": "en-US", "b": "en-GB", "z": "zh-CN", "e": "es-ES", "f": "fr-FR", "h": "hi-IN", "i": "it-IT", "j": "ja-JP",
    "p": "pt-BR",
}  # fmt: skip
"""First letter of a voice's id -> the language that it was recorded in."""

_IDS = (
    "af_heart af_bella af_nicole am_michael am_fenrir am_puck bf_emma bf_isabella bm_george bm_fable "
    "zf_xiaoxiao zf_xiaobei zf_xiaoyi zm_yunxi zm_yunyang zm_yunjian ef_dora em_alex ff_siwis hf_alpha if_sara "
    "im_nicola jf_alpha pf_dora"
)

VOICES: Mapping[str, Voice] = {
    name: Voice(name, name[3:].capitalize(), LANGUAGES[name[0]], "female" if name[1] == "f" else "male")
    for name in _IDS.split()
}
DEFAULTS: Mapping[str, str] = {
    language: next(voice.id for voice in VOICES.values() if voice.language == language)
    for language in LANGUAGES.values()
}
"""The voice of a language."""

_SCRIPTS = (
    ("ja-JP", re.compile("[\u3041-\u30ff]")),
    ("zh-CN", re.compile("[\u3400-\u9fff]")),
    ("hi-IN", re.compile("[\u0900-\u097f]")),
)


def language_of(text: str) -> str:
    """The language that a text's script gives away; English for Latin letters."""
    return next((language for language, script in _SCRIPTS if script.search(text)), "en-US")


def find_voice(name: str, text: str) -> Voice:
    """The voice of this id; for '', one that fits the text. Raises BadInputError for an unknown one."""
    name = name or DEFAULTS[language_of(text)]
    if name not in VOICES:
        raise BadInputError("voice_unknown", voice=name, known=", ".join(VOICES))
    return VOICES[name]


def style(voice: Voice, letters: int) -> Float32:
    """float32 [256], how the voice says so many letters."""
    rows = _styles(voice.id)
    row: Float32 = rows[min(max(letters, 0), len(rows) - 1)]
    return row


@lru_cache(4)
def _styles(name: str) -> Float32:
    with np.load(ASSETS / "voices.npz", allow_pickle=False) as packed:
        return np.asarray(packed[name], np.float32)


def sample_path(voice: Voice) -> Path:
    """A few spoken words, MP3."""
    return ASSETS / "voices" / f"{voice.id}.mp3"
