"""When words are said, by the phones of the voice: pure."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.jobs.models import words_path
from digital_human.jobs.worker.speech import load_words
from digital_human.pipeline.options import RenderOptions
from digital_human.pipeline.subtitles import find_cues
from digital_human.pipeline.words import spoken_words, times_of_words
from digital_human.settings import Settings
from digital_human.speech.phonemes import phonemes
from digital_human.speech.said import Phones
from digital_human.speech.sentences import pieces_of
from digital_human.speech.speaker import SpokenText
from digital_human.subtitles.text import units_of

pytest.importorskip("misaki", reason="the extra `voices` is not installed")

PHONE, PAUSE = 0.05, 0.5


def spoken(text: str, language: str) -> list[Phones]:
    """Every sign takes as long, those of punctuation and spaces too; a pause behind each piece."""
    pieces = []
    for piece in pieces_of(text):
        letters = phonemes(piece.text, language)
        edges = np.arange(len(letters) + 1) * PHONE
        pieces.append(Phones(letters, np.column_stack([edges[:-1], edges[1:]]), float(edges[-1]) + PAUSE))
    return pieces


def test_words_are_where_their_phones_are() -> None:
    text = "Hello, the end of $3.50!\n\nIn 1999 it was new."
    times = times_of_words(text, "en-US", spoken(text, "en-US"))
    assert [unit.text for unit in units_of(text)][:4] == ["Hello,", "the", "end", "of"]
    first = phonemes("Hello, the end of $3.50!", "en-US")
    words = [(found.start() * PHONE, found.end() * PHONE) for found in re.finditer(r"[^\s,!]+", first)]
    # 'the' sounds otherwise before a vowel, and the amount is of five words.
    assert times[:4] == pytest.approx(np.array(words[:4]), abs=1e-9)
    assert times[4] == pytest.approx([words[4][0], words[-1][1]], abs=1e-9)
    second = len(first) * PHONE + PAUSE
    assert times[5, 0] == pytest.approx(second, abs=1e-9)
    assert (np.diff(times.ravel()) >= 0).all()


def test_characters_are_where_their_syllables_are() -> None:
    text = "你好，银行有12个人。"
    times = times_of_words(text, "zh-CN", spoken(text, "zh-CN"))
    letters = phonemes(text, "zh-CN")
    assert letters.startswith("ni↓xau↓, i↗nxa↗ŋ jou↓")
    starts = [letters.index(syllable) * PHONE for syllable in ("ni", "xau", "i↗n", "xa↗ŋ", "jou")]
    assert [unit.text for unit in units_of(text)] == ["你", "好，", "银", "行", "有", "12", "个", "人。"]
    # A character by itself may be read otherwise.
    assert times[:5, 0] == pytest.approx(starts, abs=1.01 * PHONE)
    assert times[-1, 1] == pytest.approx((len(letters) - 1) * PHONE, abs=1e-9)


def test_a_voice_without_times_and_another_text_are_listened_to() -> None:
    text, silent = "One. Two.", Phones("", np.zeros((0, 2)), 1.0)
    known = spoken(text, "en-US")
    wanted = RenderOptions(subtitles="srt", subtitle_text=text)
    assert spoken_words(SpokenText(text), known, wanted) is not None
    assert spoken_words(SpokenText(text), [silent], wanted) is None
    assert spoken_words(SpokenText(text), known, RenderOptions(subtitles="srt", subtitle_text="Eins. Zwei.")) is None
    assert spoken_words(SpokenText(text), known, RenderOptions()) is None


def test_known_times_are_those_of_the_subtitles() -> None:
    class Deaf:
        def infer(self, *_: object, **__: object) -> dict[str, npt.NDArray[np.generic]]:
            raise AssertionError("listened")

    times = np.array([[0.5, 0.9], [2.0, 2.4]])
    cues = find_cues("One. Two.", np.zeros(4 * 16_000, np.float32), 4.0, Deaf(), times)
    assert [(cue.start, cue.text) for cue in cues] == [(0.5, "One."), (2.0, "Two.")]
    assert cues[0].end == pytest.approx(1.4) and cues[1].end == pytest.approx(2.9)


@pytest.mark.parametrize("content", [None, "null", "[[0.1, ", "[]"])
def test_a_job_without_known_times_goes_on(tmp_path: Path, content: str | None) -> None:
    """That of an earlier version, of another speech server, and one whose file was cut off."""
    settings = Settings(base_path=tmp_path)
    path = words_path(settings, "task")
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_text(content)
    found = load_words(settings, "task")
    assert found is None if content != "[]" else found is not None and found.shape == (0, 2)
    path.write_text("[[0.1, 0.2], [0.3, 0.5]]")
    assert load_words(settings, "task") == pytest.approx(np.array([[0.1, 0.2], [0.3, 0.5]]))
