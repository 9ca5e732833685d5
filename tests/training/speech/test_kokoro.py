"""Kokoro's letters and lengths become phones and their times."""

import pytest

pytest.importorskip("espeakng_loader")
pytest.importorskip("soxr")

from training.speech.kokoro import letters_of, phones_of
from training.speech.phones import classes_of


def test_stress_goes_to_the_phone_after_it_and_length_to_the_one_before() -> None:
    phones = phones_of(list("pˈɑːp"), [0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.9], "de")
    assert [(p.symbol, p.start, p.end) for p in phones] == [
        ("", 0.0, 0.1),
        ("p", 0.1, 0.2),
        ("ɑ", 0.2, 0.5),
        ("p", 0.5, 0.6),
        ("", 0.6, 0.9),
    ]


def test_two_sounds_of_one_letter_and_pauses() -> None:
    phones = phones_of(list("I, ʧ"), [0.1, 0.2, 0.4, 0.5, 0.6, 0.7], "en-us")
    assert [p.symbol for p in phones if p.symbol] == ["aɪ", "tʃ"]
    assert len(classes_of("aɪ")) == len(classes_of("tʃ")) == 2
    assert phones[2].symbol == "" and phones[2].start == 0.2, "the comma is a pause"


def test_japanese_w_is_no_fricative() -> None:
    assert phones_of(["β"], [0, 0.1, 0.2], "ja")[1].symbol == "w"
    assert phones_of(["β"], [0, 0.1, 0.2], "es")[1].symbol == "β"


@pytest.mark.parametrize(
    ("language", "text"), [("en-us", "Papa, buy a map!"), ("de", "Papa, Bäume"), ("ru", "мама, папа")]
)
def test_texts_become_letters_with_their_pauses(language: str, text: str) -> None:
    letters = letters_of(text, language)
    assert sum(letter in "pbm" for letter in letters) >= 3
    assert "," in letters and "^" not in letters


def test_a_language_that_espeak_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="xx-none"):
        letters_of("a", "xx-none")
