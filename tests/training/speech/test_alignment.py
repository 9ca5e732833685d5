"""Words that are known are found in their sound."""

import wave
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("espeakng_loader")
pytest.importorskip("soxr")

import soxr

from export.networks.speech_to_lips import SAMPLE_RATE, SpeechToLips, load
from training.speech.alignment import align, phones_of
from training.speech.phones import BILABIAL, Phone, classes_of
from training.speech.reading import labelled, readers_in, readings_of
from training.speech.synthesis import Utterance, espeak
from training.speech.texts import grid_sentence

TEXT = "My brother Bob paid for a big purple umbrella, maybe."


@pytest.fixture(scope="module")
def network() -> SpeechToLips:
    return load()[0]


@pytest.fixture(scope="module")
def said() -> Utterance:
    return spoken(TEXT)


def spoken(text: str) -> Utterance:
    said = espeak().say(text, "en-us+m8", 170, 50)
    assert said is not None
    return said


def sounded(phones: Sequence[Phone]) -> list[Phone]:
    return [phone for phone in phones if classes_of(phone.symbol)]


def test_phones_are_found_where_the_synthesiser_put_them(network: SpeechToLips, said: Utterance) -> None:
    true = sounded(said.phones)
    found, _ = align(network, said.audio, [phone.symbol for phone in true])
    assert found[0].start == 0 and found[-1].end == len(said.audio) // 160 / 100
    assert all(before.end == after.start for before, after in pairwise(found))
    starts = [phone.start for phone in sounded(found)], [phone.start for phone in true]
    assert np.median(np.abs(np.subtract(*starts))) < 0.02


def test_a_pause_between_words_is_a_pause(network: SpeechToLips, said: Utterance) -> None:
    first, second = (spoken(text) for text in ("Bob paid", "a big umbrella"))
    audio = np.concatenate([first.audio, np.zeros(SAMPLE_RATE // 2, np.float32), second.audio])
    phones, _ = align(network, audio, [p.symbol for p in sounded([*first.phones, *second.phones])])
    pauses = [phone for phone in phones if phone.symbol == "" and phone.start > 0 and phone.end < len(audio) / 16_000]
    middle = (len(first.audio) + SAMPLE_RATE // 4) / SAMPLE_RATE
    assert any(pause.start < middle < pause.end and pause.end - pause.start > 0.4 for pause in pauses)


def test_other_words_fit_less(network: SpeechToLips, said: Utterance) -> None:
    right, wrong = (align(network, said.audio, phones_of(text, "en-us"))[1] for text in (TEXT, "Six chess sets. " * 3))
    assert right > wrong + 0.5


@pytest.mark.parametrize(("seconds", "symbols"), [(1, []), (0.1, ["m", "a"] * 10)])
def test_what_does_not_fit_is_refused(network: SpeechToLips, seconds: float, symbols: list[str]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        align(network, np.zeros(int(seconds * SAMPLE_RATE), np.float32), symbols)


def test_the_doubtful_readings_are_left_out_and_the_others_labelled(network: SpeechToLips, said: Utterance) -> None:
    symbols = phones_of(TEXT, "en-us")
    wrong = phones_of("Six chess sets. " * 3, "en-us")
    kept = labelled([(said.audio, symbols)] * 20 + [(said.audio, wrong)], network)
    assert len(kept) == 20
    assert (kept[0].labels.phonemes == BILABIAL).sum() > 30
    assert (kept[0].labels.closure == 1).any()


def record(path: Path, said: Utterance) -> Path:
    """48 kHz stereo, as people record themselves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    louder = np.repeat(soxr.resample(said.audio, SAMPLE_RATE, 48_000), 2)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 48_000, 0, "NONE", ""))
        file.writeframes((louder * 32767).clip(-32768, 32767).astype(np.int16).tobytes())
    return path


@pytest.mark.parametrize("listed", [True, False])
def test_every_ninth_recording_of_a_reader_is_held_out(tmp_path: Path, said: Utterance, listed: bool) -> None:
    names = [f"r{number}" for number in range(10)]
    for name in names:
        recording = record(tmp_path / "de" / "anna" / "wavs" / f"{name}.wav", said)
        if not listed:
            recording.with_suffix(".txt").write_text(TEXT)
    if listed:
        (tmp_path / "de" / "anna" / "metadata.csv").write_text("".join(f"{n}|as 1 writes|{TEXT}\n" for n in names))
    readers = readers_in(tmp_path)
    assert list(readers) == ["de/anna"]
    learned, measured = (readings_of(readers["de/anna"], held_out=held) for held in (False, True))
    assert (len(learned), len(measured)) == (8, 2)
    assert learned[0][1] == phones_of(TEXT, "de") != phones_of(TEXT, "en-us")
    audio = learned[0][0]
    assert len(audio) == len(said.audio) and np.corrcoef(audio, said.audio)[0, 1] > 0.99


def test_a_reading_without_its_words_is_named(tmp_path: Path, said: Utterance) -> None:
    with pytest.raises(FileNotFoundError, match="no LANGUAGE/READER"):
        readers_in(tmp_path)
    reader = tmp_path / "en-us" / "bob"
    reader.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="no recordings"):
        readings_of(reader, held_out=False)
    record(reader / "r1.wav", said)
    with pytest.raises(FileNotFoundError, match=r"no words for r1\.wav"):
        readings_of(reader, held_out=False)


def test_a_grid_clip_is_named_after_its_sentence() -> None:
    assert grid_sentence("lwaz9p") == "lay white at Z 9 please"
    assert phones_of(grid_sentence("lwaa1s"), "en-gb-x-rp").count("ˈeɪ") == 2
    with pytest.raises(KeyError):
        grid_sentence("xxxxxx")
