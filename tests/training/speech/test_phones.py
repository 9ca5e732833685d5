"""Labels lie where the sounds are."""

from typing import Any

import numpy as np
import numpy.typing as npt

from export.networks.speech_to_lips import PHONEMES, SAMPLE_RATE
from training.speech.phones import BILABIAL, PREPARE, SETTLE, SILENCE, Phone, at_rest, classes_of, label


def sound(*pieces: tuple[float, float]) -> npt.NDArray[Any]:
    """Tones of (seconds, amplitude) end to end."""
    amplitude = np.concatenate([np.full(round(seconds * SAMPLE_RATE), value) for seconds, value in pieces])
    result: npt.NDArray[Any] = (amplitude * np.sin(np.arange(len(amplitude)) * 0.3)).astype(np.float32)
    return result


def test_each_class_has_symbols_and_each_symbol_one_class() -> None:
    assert {name for symbol in "aɛəiɔouybfθtsʃkrjw" for name in classes_of(symbol)} == set(range(1, len(PHONEMES)))
    assert classes_of("ˈaɪ") == [PHONEMES.index("open"), PHONEMES.index("close")]
    assert classes_of("ˈ") == []


def test_a_stop_marked_at_its_burst_is_shut_before_it() -> None:
    audio = sound((0.2, 0.5), (0.08, 0.0), (0.02, 0.05), (0.2, 0.5))
    phones = [Phone("a", 0.0, 0.28), Phone("p", 0.28, 0.3), Phone("a", 0.3, 0.5)]
    labels = label(phones, audio)
    assert (labels.phonemes[20:30] == BILABIAL).all()
    assert (labels.closure[20:27] == 1).all()
    assert (labels.closure[:17] == 0).all() and (labels.closure[34:] == 0).all()


def test_a_stop_marked_at_its_closure_is_shut_until_its_burst() -> None:
    audio = sound((0.2, 0.5), (0.08, 0.0), (0.04, 0.3), (0.2, 0.5))
    phones = [Phone("a", 0.0, 0.2), Phone("p", 0.2, 0.32), Phone("a", 0.32, 0.52)]
    labels = label(phones, audio)
    assert (labels.closure[21:27] == 1).all()
    assert not (labels.closure[30:] == 1).any()


def test_a_nasal_is_shut_for_as_long_as_it_sounds() -> None:
    labels = label([Phone("a", 0.0, 0.2), Phone("m", 0.2, 0.3), Phone("a", 0.3, 0.5)], sound((0.5, 0.5)))
    assert (labels.closure[20:30] == 1).all()
    assert np.isnan(labels.closure[18:20]).all()


def test_long_pauses_are_silence_and_short_ones_are_not() -> None:
    phones = [Phone("", 0.0, 0.05), Phone("a", 0.05, 0.3), Phone("", 0.3, 0.35), Phone("a", 0.35, 0.5),
              Phone("", 0.5, 0.8), Phone("a", 0.8, 1.0)]  # fmt: skip
    labels = label(phones, sound((1.0, 0.5)))
    assert (labels.phonemes[30:35] == SILENCE).all() and (labels.silence[30:35] == 0).all()
    assert (labels.silence[:5] == 1).all() and (labels.silence[50:80] == 1).all()


def test_symbols_without_a_class_are_left_out() -> None:
    labels = label([Phone("a", 0.0, 0.1), Phone("1", 0.1, 0.2)], sound((0.2, 0.5)))
    assert (labels.phonemes[10:] == -1).all()


def test_the_mouth_rests_only_in_the_middle_of_a_pause() -> None:
    silence = np.zeros((1, 100), np.float32)
    silence[0, :30] = silence[0, 50:90] = 1
    rest = at_rest(silence)
    assert np.flatnonzero(rest[0]).tolist() == [*range(30 - PREPARE), *range(50 + SETTLE, 90 - PREPARE)]
