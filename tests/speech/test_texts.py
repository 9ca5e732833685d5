"""From a text to the letters that the network reads: pure, and the same every time."""

from __future__ import annotations

import pytest

from digital_human.speech import chinese_numbers, english_numbers
from digital_human.speech.phonemes import phonemes
from digital_human.speech.sentences import MOST, pieces_of, weight
from digital_human.speech.spelling import spell
from digital_human.speech.vocabulary import NUMBERS

pytest.importorskip("misaki", reason="the extra `voices` is not installed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$3.50, £1,200", "three dollars and fifty cents, one thousand two hundred pounds"),
        ("in 1999 and 2026", "in nineteen ninety nine and twenty twenty six"),
        ("November 30 at 3:45 pm", "November thirtieth at three forty five P M"),
        ("Dr. Smith ran 12.5 km", "Doctor Smith ran twelve point five kilometers"),
        ("i.e. 25% more", "that is twenty five percent more"),
        ("the 21st, the 1990s, the 80s", "the twenty first, the nineteen nineties, the eighties"),
        ("10-20, -3, 5/8, 007", "ten to twenty, minus three, five over eight, zero zero seven"),
        ("www.example.com", "www dot example dot com"),
    ],
)
def test_english_numbers_and_signs_are_written_out(text: str, said: str) -> None:
    assert english_numbers.in_words(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026年11月30日下午3:45", "二零二六年十一月三十日下午三点四十五分"),
        ("气温-3℃，涨了25%", "气温负三摄氏度，涨了百分之二十五"),
        ("1,024人，10005元，200020", "一千零二十四人，一万零五元，二十万零二十"),
        ("¥3.5万，$20，1/2", "三点五万元，二十美元，二分之一"),
        ("2个苹果，12只，13812345678", "两个苹果，十二只，一三八一二三四五六七八"),
        ("GPT-4有10亿", "GPT-4有十亿"),
    ],
)
def test_chinese_numbers_and_signs_are_written_out(text: str, said: str) -> None:
    assert chinese_numbers.in_words(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello, world!", "həlˈO, wˈɜɹld!"),
        ("the end of the day", "ði ˈɛnd ʌv ðə dˈA"),
        ("I want to record a record.", "ˈI wˈɑnt tə ɹəkˈɔɹd ɐ ɹˈɛkəɹd."),
        ("NASA and the URL of GPT-4", "nˈæsə ænd ðə jˌuˌɑɹˈɛl ʌv ʤˌipˌitˈi fˈɔɹ"),
        ("STOP SHOUTING NOW", "stˈɑp ʃˈWɾɪŋ nˈW"),
        ("café", "kæfˈA"),
    ],
)
def test_english_is_read_as_the_network_learnt_it(text: str, said: str) -> None:
    assert phonemes(text, "en-US") == said


def test_accents_differ() -> None:
    assert (phonemes("dance", "en-US"), phonemes("dance", "en-GB")) == ("dˈæns", "dˈɑːns")


@pytest.mark.parametrize("word", ["zorblaxian", "gloopify", "wug", "brummering", "xqz"])
def test_a_word_that_no_lexicon_has_is_said_with_one_main_stress(word: str) -> None:
    said = spell(word) if word != "xqz" else phonemes(word, "en-US")
    assert said.count("ˈ") == 1 and set(said) <= set(NUMBERS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("你好，世界！", "ni↓xau↓, ʂɨ↘ʨje↘!"),
        ("女儿", "ny↓ɚ↗"),
        ("银行，行走", "i↗nxa↗ŋ, ɕi↗ŋʦou↓"),
        ("我看 YouTube。", "wo↓ kʰa↘n jˈutˌub."),
    ],
)
def test_mandarin_is_read_as_the_network_learnt_it(text: str, said: str) -> None:
    assert phonemes(text, "zh-CN") == said


def test_chinese_in_an_english_text_is_read_too() -> None:
    assert phonemes("She said 你好.", "en-US") == "ʃi sˈɛd ni↓xau↓."


def test_texts_are_spoken_in_sentences() -> None:
    said = [piece.text for piece in pieces_of("Dr. Smith paid $3.50. " + "He left. " * 30 + "\n\nThe end…")]
    assert said[0].startswith("Dr. Smith paid $3.50. He left.")
    assert all(weight(piece) <= MOST for piece in said) and said[-1] == "The end…"
    assert [piece.ends_paragraph for piece in pieces_of("One.\nTwo.")] == [True, True]


@pytest.mark.parametrize("text", ["word " * 500, "x" * 5000, "字" * 3000, "一，" * 900, "a, b; c: " * 300])
def test_no_piece_is_longer_than_the_network_takes(text: str) -> None:
    pieces = pieces_of(text)
    assert all(weight(piece.text) <= MOST for piece in pieces)
    assert sum(sum(sign.isalnum() for sign in piece.text) for piece in pieces) == sum(sign.isalnum() for sign in text)


@pytest.mark.parametrize("text", ["", " \n", "...", "——", "🙂"])
def test_what_holds_no_words_has_no_pieces(text: str) -> None:
    assert pieces_of(text) == []
