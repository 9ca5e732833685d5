"""Subtitles: a text is put into the pauses of the speech, written to files and drawn."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.api.models import GenerateRequest
from digital_human.engines.exemplar.speech_to_lips import curves_of
from digital_human.errors import BadInputError
from digital_human.media import read_speech
from digital_human.subtitles.alignment import align, cues_of, stretches
from digital_human.subtitles.drawing import draw, missing_letters
from digital_human.subtitles.files import written
from digital_human.subtitles.text import LINE, LINES, joined, lines_of, units_of, width
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer
from tests.commands.test_options import generate
from tests.live_service import Live
from tests.result.made import frames_of, make, refused

ENGLISH = "Good morning. The weather is fine, so we walk to the river & swim. Then we go home."
CHINESE = "大家好，我是数字人。今天天气很好，我们去河边散步，然后回家。"


def silence(*spoken: tuple[float, float], seconds: float = 6.0) -> npt.NDArray[np.float32]:
    curve = np.ones(round(seconds * 100), np.float32)
    for start, end in spoken:
        curve[round(start * 100) : round(end * 100)] = 0
    return curve


def test_units_are_words_and_characters_with_their_punctuation() -> None:
    assert [unit.text for unit in units_of("Hello , world! 你好，AI 100%")] == [
        "Hello ,",
        "world!",
        "你",
        "好，",
        "AI",
        "100%",
    ]
    for text in (ENGLISH, CHINESE, "“Quoted” (words) — and 3.5 m.", "混排 mixed 文字。"):
        assert joined(units_of(text)) == re.sub(r"\s+", " ", text)
    syllables = {"cat": 1, "table": 2, "orange": 2, "made": 1, "weather": 2, "好": 1, "rhythm": 1}
    assert {word: units_of(word)[0].weight for word in syllables} == syllables


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_sentences_fall_into_the_pauses(text: str) -> None:
    """The first sentence is short, and spoken before a long pause."""
    spoken = ((0.3, 1.1), (1.8, 5.4)) if text == ENGLISH else ((0.3, 2.0), (2.6, 5.4))
    cues = cues_of(text, silence(*spoken))
    assert joined(units_of(" ".join(cue.text for cue in cues))).replace(" ", "") == text.replace(" ", "")
    ends = text.index(". ") + 1 if text == ENGLISH else text.index("。") + 1
    assert cues[0].text == text[:ends]
    assert cues[0].start == pytest.approx(spoken[0][0], abs=0.05)
    assert cues[1].start == pytest.approx(spoken[1][0], abs=0.05)
    assert all(earlier.end <= later.start + 1e-6 for earlier, later in pairwise(cues))
    assert all(width(line) <= LINE and len(cue.lines) <= LINES for cue in cues for line in cue.lines)


def test_times_are_kept_through_long_speech() -> None:
    """Of 80 sentences with a pause after each, nearly all begin where their stretch of speech does."""
    generator = np.random.default_rng(1)
    sentences, spoken, at = [], [], 0.5
    for _ in range(80):
        words = int(generator.integers(3, 16))
        sentences.append(" ".join(["river"] * words) + ".")
        spoken.append((round(at, 2), round(at + 2 * words / 5 * generator.uniform(0.85, 1.15), 2)))
        at = spoken[-1][1] + generator.uniform(0.25, 0.7)
    units = units_of(" ".join(sentences))
    found = stretches(silence(*spoken, seconds=at))
    assert np.allclose(found, spoken, atol=0.011)
    times = align(units, found)
    firsts = np.cumsum([0, *(sentence.count(" ") + 1 for sentence in sentences[:-1])])
    off = np.abs(times[firsts, 0] - [start for start, _ in spoken])
    assert np.mean(off < 0.3) > 0.95


def test_words_of_a_recording_are_found_where_they_are_said(samples: Path, models: TritonModels) -> None:
    said = json.loads((samples / "speech.json").read_text())
    quiet = curves_of(read_speech(samples / "speech.wav"), models)[:, 2]
    units = units_of(said["text"])
    times = align(units, stretches(quiet))
    assert [unit.text for unit in units] == [word for _, word in said["words"]]
    off = np.abs(times[:, 0] - [start for start, _ in said["words"]])
    assert off.mean() < 0.17 and off.max() < 0.4


def test_files_are_as_players_read_them() -> None:
    cues = cues_of(ENGLISH, silence((0.3, 1.1), (1.8, 5.4)))
    srt, vtt = written(cues, "srt"), written(cues, "vtt")
    assert srt.startswith("1\n00:00:00,300 --> 00:00:01,") and "river & swim" in srt.replace("\n", " ")
    assert vtt.startswith("WEBVTT\n\n00:00:00.300 --> 00:00:01.") and "&amp;" in vtt
    assert len(re.findall(r"^\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}$", srt, re.MULTILINE)) == len(cues)


@pytest.mark.parametrize("text", ["", "  \n", "...!", "one " * 400, "."])
def test_a_text_that_does_not_fit_the_speech_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match=r"^subtitle_text: "):
        cues_of(text, silence((0.3, 5.4)))


@pytest.mark.parametrize("size", [(320, 180), (1280, 720), (540, 960)])
@pytest.mark.parametrize("text", [ENGLISH, CHINESE, "Donaudampfschifffahrtsgesellschaftskapitän" * 2])
def test_drawn_lines_fit_and_can_be_read(size: tuple[int, int], text: str) -> None:
    image = draw(text, *size)
    alpha = image[..., 3]
    assert image.shape[0] % 2 == 0 and image.shape[1] % 2 == 0 and image.shape[0] < 0.5 * size[1]
    if text in (ENGLISH, CHINESE):
        assert image.shape[1] <= 0.96 * size[0]
    # White letters with a dark edge.
    assert (image[alpha == 255][:, 0] > 200).mean() > 0.2 and (image[..., 0][alpha > 200] < 40).mean() > 0.1


def test_the_font_has_what_both_languages_need() -> None:
    from PIL import ImageFont

    from digital_human.subtitles.drawing import FONT

    font = ImageFont.truetype(str(FONT), 24)
    missing = bytes(font.getmask("\U0010fffd"))
    for character in "Aé“—…你说话繁體麼，。！？《》Жω％":
        assert bytes(font.getmask(character)) != missing, character


def test_no_boxes_are_drawn_for_what_the_font_lacks(plain: Live) -> None:
    assert refused(plain, subtitles="burn", subtitle_text="नमस्ते दुनिया")[:2] == (400, "subtitle_letters_missing")
    assert "한" in refused(plain, subtitles="burn", subtitle_text="Hello, 한국어.")[2]
    assert (
        missing_letters(f"{ENGLISH} {CHINESE} Ça e\u0301te\u0301, Łódź, Москва, Ωμέγα, すしラーメン ﬁn 3 ㎡ 😀👩‍🚀")
        == ""
    )
    assert np.array_equal(draw("Hello 😀 there, ete\u0301 ❤️!", 640, 360), draw("Hello there, eté !", 640, 360))
    assert draw("😀", 640, 360)[..., 3].max() == 0


def test_lines_are_of_about_the_same_width() -> None:
    lines = lines_of(units_of("The quick brown fox jumps over the lazy dog, and nobody said a word."))
    assert len(lines) == 2 and abs(len(lines[0]) - len(lines[1])) < 10


def test_a_file_of_subtitles_comes_beside_the_result(plain: Live) -> None:
    text = "Set blue, by that."
    path, task = make(plain, "shifted.mp4", subtitles="srt", subtitle_text=text, lead_in=0.5)
    content = path.with_suffix(".srt").read_text(encoding="utf-8")
    assert text in content and task["result"]["subtitles"] == "srt"
    first = re.search(r"00:00:00,(\d{3}) -->", content)
    assert first and int(first[1]) >= 450
    answer = plain.client.get(f"/human/tasks/{task['task_id']}/subtitles")
    assert answer.text == content and answer.headers["content-type"].startswith("application/x-subrip")
    # Kept by the service where no path was named.
    kept = plain.submit(subtitles="vtt", subtitle_text=text).json()["data"]["task_id"]
    plain.until(kept, "succeeded")
    answer = plain.client.get(f"/human/tasks/{kept}/subtitles")
    assert answer.text.startswith("WEBVTT") and answer.headers["content-type"].startswith("text/vtt")
    without = make(plain)[1]["task_id"]
    assert plain.client.get(f"/human/tasks/{without}/subtitles").json()["error"] == "task_has_no_subtitles"


@pytest.mark.parametrize("text", ["Set blue, by that.", "你好，数字人。"])
def test_burnt_subtitles_are_in_the_picture_while_they_are_said(plain: Live, text: str) -> None:
    before, _ = make(plain, "without.mp4", lead_in=0.6)
    path, _ = make(plain, "burnt.mp4", lead_in=0.6, subtitles="burn", subtitle_text=text)
    assert not path.with_suffix(".srt").exists()
    changed = [
        np.abs(frame.planes[0].astype(int) - same.planes[0])
        for frame, same in zip(frames_of(path), frames_of(before), strict=True)
    ]
    assert changed[5][400:].mean() < 1, "shown before anything is said"
    while_said = changed[25]
    assert while_said[470:].mean() > 3 and while_said[:400].mean() < 1
    columns = np.flatnonzero(while_said[470:].max(0) > 60)
    assert abs((columns[0] + columns[-1]) / 2 - 360) < 12, "not in the middle"


def test_a_text_that_is_spoken_is_that_of_the_subtitles_too() -> None:
    request = GenerateRequest(text="Hello.", video_path="template.mkv", subtitles="srt")
    assert request.render_options().subtitle_text == "Hello."
    other = GenerateRequest(text="Hello.", video_path="template.mkv", subtitles="srt", subtitle_text="Hallo.")
    assert other.render_options().subtitle_text == "Hallo."
    assert GenerateRequest(text="Hello.", video_path="template.mkv").render_options().subtitle_text is None


def test_subtitles_without_a_fitting_text_are_refused(plain: Live) -> None:
    assert refused(plain, subtitles="srt")[:2] == (400, "subtitle_text_empty")
    assert refused(plain, subtitles="srt", subtitle_text="word " * 900)[:2] == (400, "subtitle_text_unfit")
    assert refused(plain, subtitles="ass", subtitle_text="Hello.")[:2] == (400, "field_invalid")
    assert not (plain.base / "refused.srt").exists()


def test_the_command_line_writes_subtitles(triton: TritonServer, samples: Path, voice: Path, tmp_path: Path) -> None:
    (tmp_path / "template.mkv").symlink_to(samples / "template.mkv")
    (tmp_path / "said.txt").write_text("Set blue, by that.", encoding="utf-8")
    asked = ("--subtitles", "vtt", "--subtitle-text", str(tmp_path / "said.txt"))
    status, printed = generate(triton, tmp_path, voice, *asked)
    assert status == 0, printed
    assert (tmp_path / "out.vtt").read_text(encoding="utf-8").startswith("WEBVTT\n\n00:00:0")
