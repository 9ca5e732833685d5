"""Speech with exact phone times from espeak-ng."""

from __future__ import annotations

import ctypes
import functools
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
import numpy.typing as npt
import soxr

from export.networks.speech_to_lips import SAMPLE_RATE
from training.speech.phones import Phone


@dataclass(frozen=True)
class Utterance:
    """Synthetic speech: float32 [samples] at 16 kHz, its phones in order, and the voice that said it."""

    audio: npt.NDArray[np.float32]
    phones: Sequence[Phone]
    voice: str


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _EventId),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))

_RETRIEVAL = 1
_PHONEME_EVENTS, _PHONEME_IPA = 1, 2
_LIST_TERMINATED, _PHONEME = 0, 7
_CHARS_UTF8 = 1
_IPA_WITH_TIES = 0x82 | ord("^") << 8
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4


class Espeak:
    """espeak-ng, which reports every phone. Get it from `espeak()`: a second in one process hangs."""

    VARIANTS = ("", *(f"+m{i}" for i in range(1, 8)), *(f"+f{i}" for i in range(1, 5)))
    CHARACTERS = (
        "+Alex", "+Alicia", "+Andrea", "+Andy", "+Annie", "+Denis", "+Diogo", "+Gene", "+Gene2", "+Henrique",
        "+Hugo", "+Jacky", "+Lee", "+Marco", "+Mario", "+Michael", "+Mike", "+Nguyen", "+Reed", "+Storm",
        "+adam", "+anika", "+antonio", "+aunty", "+belinda", "+benjamin", "+boris", "+caleb", "+croak",
        "+david", "+ed", "+edward", "+grandma", "+grandpa", "+gustave", "+ian", "+iven", "+iven2", "+iven3",
        "+john", "+klatt", "+klatt2", "+klatt3", "+klatt4", "+linda", "+marcelo", "+max", "+michel", "+miguel",
        "+mike2", "+norbert", "+pablo", "+paul", "+pedro", "+quincy", "+rob", "+robert", "+sandro", "+shelby",
        "+steph", "+steph2", "+travis", "+victor", "+zac",
    )  # fmt: skip
    """Variants by name, of many timbres: some keep little of a sound above 3 kHz, where a /p/ is loudest."""
    VALIDATION_VARIANTS = CHARACTERS[::8]
    TRAINING_VARIANTS = (*VARIANTS, *sorted({*CHARACTERS} - {*VALIDATION_VARIANTS}))
    TEST_VARIANTS = ("+m8", "+f5")

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self._rate: int = self._library.espeak_Initialize(_RETRIEVAL, 0, data, _PHONEME_EVENTS | _PHONEME_IPA)
        self._blocks: list[npt.NDArray[np.int16]] = []
        self._marks: list[tuple[float, str]] = []
        self._callback = _Callback(self._collect)  # kept: ctypes does not
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        if count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        index = 0
        while events[index].type != _LIST_TERMINATED:
            event = events[index]
            if event.type == _PHONEME:
                symbol = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "ignore")
                self._marks.append((event.sample / self._rate, symbol))
            index += 1
        return 0

    def say(self, text: str, voice: str, rate: int = 170, pitch: int = 50, span: int = 50) -> Utterance | None:
        """Speak with a voice such as 'de+f2'; None where it has nothing to say."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        for name, value in ((_RATE, rate), (_PITCH, pitch), (_PITCH_RANGE, span)):
            self._library.espeak_SetParameter(name, value, 0)
        self._blocks.clear()
        self._marks.clear()
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, _CHARS_UTF8, None, None)
        self._library.espeak_Synchronize()
        if not self._blocks:
            return None
        samples = np.concatenate(self._blocks)
        ends = [time for time, _ in self._marks[1:]] + [len(samples) / self._rate]
        phones = [Phone(s, t, e) for (t, s), e in zip(self._marks, ends, strict=True)]
        return Utterance(_to_16k(samples, self._rate), phones, voice)

    def letters(self, text: str, voice: str) -> str:
        """IPA of a text, stress marked and what is one sound tied by ^. Raises ValueError for an unknown voice."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        convert = self._library.espeak_TextToPhonemes
        convert.restype = ctypes.c_char_p
        rest, found = ctypes.c_char_p(text.encode()), []
        while rest.value:
            found.append((convert(ctypes.byref(rest), _CHARS_UTF8, _IPA_WITH_TIES) or b"").decode())
        return " ".join(found)


@functools.cache
def espeak() -> Espeak:
    """The one espeak-ng of this process."""
    return Espeak()


def read_wave(path: Path) -> npt.NDArray[np.float32]:
    """16 bit of any rate, its channels mixed -> float32 [samples] at 16 kHz."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, file.getnchannels())
        return _to_16k(samples.mean(axis=1), file.getframerate())


def _to_16k(samples: npt.NDArray[np.generic], rate: int) -> npt.NDArray[np.float32]:
    return np.asarray(soxr.resample(samples.astype(np.float32) / 32768, rate, SAMPLE_RATE), np.float32)
