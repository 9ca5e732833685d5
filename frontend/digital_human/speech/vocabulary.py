"""The signs that Kokoro reads, and their numbers."""

from __future__ import annotations

from collections.abc import Mapping

_SIGNS = {
    1: ";:,.!?",
    9: '—…"()“” ̃ʣʥʦʨᵝꭧAI',
    31: "O",
    33: "Q",
    35: "ST",
    39: "W",
    41: "Yᵊabcdef",
    50: "hijklmnopqrstuvwxyzɑɐɒæ",
    75: "βɔɕç",
    80: "ɖðʤə",
    85: "ɚɛɜ",
    90: "ɟ",
    92: "ɡ",
    99: "ɥ",
    101: "ɨɪʝ",
    110: "ɯɰŋɳɲɴ",
    118: "ɸθœ",
    116: "ø",
    123: "ɹ",
    125: "ɾɻ",
    128: "ʁɽʂʃʈʧ",
    135: "ʊʋ",
    138: "ʌɣɤ",
    142: "χʎ",
    147: "ʒʔ",
    156: "ˈˌː",
    162: "ʰ",
    164: "ʲ",
    169: "↓",
    171: "→↗↘",
    177: "ᵻ",
}
"""Signs with numbers in a row, by the first."""

NUMBERS: Mapping[str, int] = {
    sign: first + place for first, signs in _SIGNS.items() for place, sign in enumerate(signs)
}
