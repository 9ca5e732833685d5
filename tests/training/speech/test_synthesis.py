"""Synthetic speech comes with times that fit its sound."""

import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")
pytest.importorskip("soxr")

from export.networks.speech_to_lips import SAMPLE_RATE
from training.speech.corpus import Spoken, restore, store, synthetic_batch
from training.speech.phones import BILABIAL, classes_of, label, loudness
from training.speech.synthesis import espeak


@pytest.mark.parametrize(("voice", "text"), [("en-us", "Papa happy"), ("cmn", "爸爸怕"), ("de+f5", "Papa Pappe")])
def test_espeak_is_quiet_where_lips_are_said_to_shut(voice: str, text: str) -> None:
    said = espeak().say(text, voice)
    assert said is not None
    labels = label(said.phones, said.audio)
    shut = labels.closure == 1
    assert sum(BILABIAL in classes_of(phone.symbol) for phone in said.phones) >= 2
    assert np.median(loudness(said.audio)[shut]) < -25


def test_espeak_says_which_voice_it_lacks() -> None:
    with pytest.raises(ValueError, match="xx-none"):
        espeak().say("a", "xx-none")


def test_a_corpus_survives_the_disk_and_fills_windows(tmp_path: Path) -> None:
    said = [espeak().say(text, "en-us") for text in ("My mother may buy a map.", "People, prefer apples.")]
    spoken = {"espeak": [Spoken(one.audio, label(one.phones, one.audio)) for one in said if one]}
    store(spoken, tmp_path)
    again = restore(tmp_path)
    for before, after in zip(spoken["espeak"], again["espeak"], strict=True):
        assert np.abs(before.audio - after.audio).max() < 1e-4
        assert (before.labels.phonemes == after.labels.phonemes).all()
    batch = synthetic_batch(lambda: again["espeak"], 12, 320, random.Random(1))
    assert batch.audio.shape == (12, 2 * SAMPLE_RATE * 320 // 200)
    assert batch.phonemes.shape == batch.closure.shape == batch.rest.shape == (12, 320)
    assert (batch.closure == 1).any() and (batch.rest == 1).any()
    repeated = synthetic_batch(lambda: again["espeak"], 12, 320, random.Random(1))
    assert (repeated.audio == batch.audio).all()
