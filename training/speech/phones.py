"""Phones with their times, and the labels that the network learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.networks.speech_to_lips import HOP, PHONEMES, SAMPLE_RATE

RATE = SAMPLE_RATE // HOP
"""Label instants a second."""

_SYMBOLS = {
    "open": "aɑæɐʌäɶ",
    "open_mid": "ɛɜɞ",
    "mid": "eəɘɤɚɝɵ",
    "close": "iɪɨɯᵻ",
    "open_mid_rounded": "ɔɒ",
    "mid_rounded": "o",
    "close_rounded": "uʊ",
    "front_rounded": "yʏøœʉ",
    "bilabial": "pbmɓ",
    "labiodental": "fvʋɱɸβ",
    "dental": "θð",
    "alveolar": "tdnlɾɫʈɖɳɭɬɗ",
    "sibilant": "sz",
    "postalveolar": "ʃʒʂʐɕʑ",
    "velar": "kgɡŋxhɣqɢχħʔʕɦɴɠ",
    "rhotic": "rɹʁʀɻɽ",
    "palatal": "jɲcʎçɟʝ",
    "labiovelar": "wʍɥɰ",
}
_CLASS_OF = {symbol: PHONEMES.index(name) for name, symbols in _SYMBOLS.items() for symbol in symbols}
BILABIAL = PHONEMES.index("bilabial")
SILENCE = PHONEMES.index("silence")
_STOPS = frozenset("pbtdkgɡqcɟʈɖɓɗ")

QUIET_DB = -28.0
"""Against the utterance's loud frames: below this a frame may be the closure of a stop."""
LONGEST_CLOSURE = 0.12
SHORTEST_PAUSE = 0.12
"""Seconds without speech from which on the mouth is at rest rather than between two sounds."""

SETTLE, PREPARE = 8, 14
"""Instants that the mouth takes to come to rest after the last sound, and to open before the next."""

UNKNOWN = -1


@dataclass(frozen=True)
class Phone:
    """One phone: IPA symbol ('' for a pause), start and end in seconds."""

    symbol: str
    start: float
    end: float


@dataclass(frozen=True)
class Labels:
    """Targets at 100 Hz.

    phonemes: int64 [T], class or UNKNOWN
    closure:  float32 [T], 1 where lips touch for p, b, m; nan where it cannot be said
    silence:  float32 [T], 1 in pauses, from the last sound to the next
    """

    phonemes: npt.NDArray[np.int64]
    closure: npt.NDArray[np.float32]
    silence: npt.NDArray[np.float32]


def classes_of(symbol: str) -> list[int]:
    """Classes that a phone passes through: one for most, two for a diphthong or an affricate."""
    found: list[int] = []
    for character in symbol:
        name = _CLASS_OF.get(character)
        if name is not None and (not found or found[-1] != name):
            found.append(name)
    return found


def loudness(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Level in dB of every 10 ms of 16 kHz audio against its 95th percentile."""
    frames = audio[: len(audio) // HOP * HOP].reshape(-1, HOP).astype(np.float64)
    level = 10 * np.log10((frames**2).mean(axis=1) + 1e-10)
    result: npt.NDArray[np.float64] = level - np.percentile(level, 95)
    return result


def _stop_closure(level: npt.NDArray[np.float64], start: int, end: int) -> tuple[int, int] | None:
    """The quiet run that belongs to a stop, as [first, last) instants, or None where it is voiced through.

    Some synthesisers mark a stop at its burst, others at its closure, so the run may begin before `start`.
    """
    quiet = level < QUIET_DB
    first = next((i for i in range(max(0, start - 2), end) if quiet[i]), None)
    if first is None:
        return None
    last = first
    while last < end and quiet[last]:
        last += 1
    while first > 0 and quiet[first - 1] and last - first < LONGEST_CLOSURE * RATE:
        first -= 1
    return first, last


def label(phones: Sequence[Phone], audio: npt.NDArray[np.float32]) -> Labels:
    """Targets of 16 kHz audio whose phones are known."""
    length = len(audio) // HOP
    level = loudness(audio)
    phonemes = np.full(length, SILENCE)
    closure = np.zeros(length, np.float32)
    for phone in phones:
        start, end = round(phone.start * RATE), min(round(phone.end * RATE), length)
        kinds = classes_of(phone.symbol)
        if not kinds:
            # stress marks and the like say nothing; a pause has no symbol at all
            phonemes[start:end] = UNKNOWN if phone.symbol.strip("ˈˌː _") else SILENCE
            continue
        if end <= start:
            continue
        held = _stop_closure(level, start, end) if set(phone.symbol) & _STOPS else None
        if held is not None:
            start = min(start, held[0])
        bounds = np.linspace(start, end, len(kinds) + 1).round().astype(int)
        for kind, first, last in zip(kinds, bounds[:-1], bounds[1:], strict=True):
            phonemes[first:last] = kind
        if BILABIAL in kinds:
            first, last = held or (start, end)
            voiced = held is None or held[1] - held[0] < 2
            if voiced:
                first, last = start, end
            # the lips come together and part within the neighbouring sounds: leave one instant open either side
            closure[max(0, first - 2) : last + 3] = np.nan
            closure[max(0, first) : max(last, first + 2)] = 1
    return Labels(phonemes, closure, _pauses(phonemes))


def _pauses(phonemes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    silence = np.zeros(len(phonemes), np.float32)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (phonemes == SILENCE).astype(int), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        at_rim = first == 0 or last == len(phonemes)
        if at_rim or last - first >= SHORTEST_PAUSE * RATE:
            silence[first:last] = 1
    return silence


def at_rest(silence: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Silence [..., T] without its ends, where the mouth still or already moves; a window's own ends stay."""
    rim = [(0, 0)] * (silence.ndim - 1)
    padded = np.pad(silence, [*rim, (SETTLE, PREPARE)], constant_values=1)
    result: npt.NDArray[np.float32] = np.lib.stride_tricks.sliding_window_view(
        padded, SETTLE + PREPARE + 1, axis=-1
    ).min(axis=-1)
    return result
