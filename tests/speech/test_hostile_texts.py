"""Texts that are made to take long are cut into pieces as quickly as others."""

from __future__ import annotations

import pytest

from digital_human.errors import BadInputError
from digital_human.settings import Settings
from digital_human.speech.sentences import MOST, pieces_of, weight
from digital_human.speech.speaker import SpokenText, check_text


@pytest.mark.parametrize("text", ["." * 200_000 + "a", "Mr. " * 60_000, "a" * 200_000, "a, " * 60_000, "!?" * 100_000])
def test_a_text_that_repeats_itself_is_cut_at_once(text: str) -> None:
    """Where the time grew with the square of the length, each of these took minutes."""
    assert all(weight(piece.text) <= MOST for piece in pieces_of(text) if "." * 9 not in piece.text)


def test_an_abbreviation_ends_no_sentence() -> None:
    pieces = pieces_of("We met Dr. Who and Prof. Plum, e.g. here. " + "Then the others came too, all of them. " * 4)
    assert pieces[0].text.startswith("We met Dr. Who and Prof. Plum, e.g. here.")


def test_a_text_that_is_too_long_is_not_looked_into() -> None:
    with pytest.raises(BadInputError) as refused:
        check_text(SpokenText("." * 30_000), Settings(max_text_characters=20_000))
    assert refused.value.name == "text_too_long"
