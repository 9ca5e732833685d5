"""Errors, languages, widths, colours, keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.browser import SECONDS, Open, fill


def test_errors_say_what_to_do(open_page: Open, samples: Path, voice: Path, tmp_path: Path) -> None:
    page = open_page()
    page.click("#generate")
    expect(page.locator("#order-problem")).to_have_text("Choose a template first.")
    assert page.evaluate("document.activeElement.id") == "template"
    (tmp_path / "notes.wav").write_text("no sound at all")
    fill(page, samples, voice)
    page.set_input_files("#voice", tmp_path / "notes.wav")
    page.click("#generate")
    wrong = page.locator("#stage .wrong")
    expect(wrong).to_contain_text("Voice: cannot be read as media", timeout=SECONDS)
    expect(wrong).to_contain_text("Try another file")


def test_in_chinese_the_service_answers_in_chinese_too(
    open_page: Open, samples: Path, voice: Path, tmp_path: Path
) -> None:
    page = open_page(locale="zh-CN")
    (tmp_path / "notes.wav").write_text("no sound at all")
    fill(page, samples, tmp_path / "notes.wav")
    page.click("#generate")
    expect(page.locator("#stage .message")).to_contain_text("语音：无法作为音视频读取", timeout=SECONDS)
    expect(page.locator("#stage .wrong")).to_contain_text("请换一个文件")
    number = page.locator("#stage .number").inner_text().split()[-1]
    page.evaluate("id => { location.hash = `#task=${id}`; }", number)
    expect(page.locator("#task .message")).to_contain_text("语音：无法作为音视频读取")
    page.click("#language")
    expect(page.locator("#task .message")).to_contain_text("Voice: cannot be read as media")
    page.evaluate("location.hash = ''")
    expect(page.locator("#stage .message")).to_contain_text("Voice: cannot be read as media")
    expect(page.locator("#stage .wrong")).to_contain_text("Try another file")


def test_both_languages_are_complete_and_switchable(open_page: Open) -> None:
    page = open_page(locale="zh-CN")
    expect(page.locator("h1").first).to_have_text("让一个人说出这段话")
    assert page.get_attribute("html", "lang") == "zh-CN"
    page.click("#language")
    expect(page.locator("h1").first).to_have_text("Make a person say it")
    page.reload()
    expect(page.locator("h1").first).to_have_text("Make a person say it")
    english, chinese = page.evaluate(
        "import('/page/words.js').then(({ EN, ZH }) => [EN, ZH].map(words => Object.keys(words).sort()))"
    )
    assert english == chinese and len(english) > 60


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_reads_and_names_everything(open_page: Open, finished: str, width: int, scheme: str) -> None:
    for path in ("/", f"/#task={finished}"):
        page = open_page(path, viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.wait_for_selector(".card" if path == "/" else ".timings")
        if path == "/":
            page.click(".options summary")
            page.wait_for_selector("#engine option[value=wav2lip]", state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        over = page.evaluate(
            """() => {
                const main = document.querySelector('main'), style = getComputedStyle(main);
                const edge = main.getBoundingClientRect().right - parseFloat(style.paddingRight);
                return [...main.querySelectorAll('*:not(.strip, .strip *)')]
                    .filter(e => e.getBoundingClientRect().right > edge + 0.5).map(e => e.outerHTML.slice(0, 80));
            }"""
        )
        assert not over, "wider than the column"
        nameless = page.evaluate(
            """[...document.querySelectorAll('button, input, select, a, canvas[role]')].filter(e => e.offsetParent)
               .filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim()))
               .map(e => e.outerHTML)"""
        )
        assert not nameless
        faint = page.evaluate(
            """() => {
                const style = getComputedStyle(document.documentElement), read = name => {
                    const pen = document.createElement('canvas').getContext('2d');
                    pen.fillStyle = style.getPropertyValue(name);
                    pen.fillRect(0, 0, 1, 1);
                    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map(v => v / 255)
                        .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                    return .2126 * r + .7152 * g + .0722 * b;
                };
                const pairs = [['--ink', '--paper'], ['--ink', '--card'], ['--soft', '--paper'], ['--soft', '--card'],
                    ['--accent-ink', '--accent'], ['--warn', '--card'], ['--accent', '--card']];
                return pairs.filter(([a, b]) => {
                    const [low, high] = [read(a), read(b)].sort((x, y) => x - y);
                    return (high + .05) / (low + .05) < 4.5;
                });
            }"""
        )
        assert not faint, "contrast below 4.5"


def test_it_is_used_with_the_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    page.wait_for_selector("#engine option", state="attached")
    reached: list[str] = []
    # However many templates of other tests are offered on the way.
    while "generate" not in reached and len(reached) < 40:
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
            )
        )
    order = ["skip", "language", "theme", "template", "voice", "record", "SUMMARY", "generate"]
    assert [name for name in reached if name in order] == order

    page.focus(".options summary")
    page.keyboard.press("Enter")
    reached = []
    of_result = ["trim-start", "trim-end", "lead-in", "lead-out", "size", "fit", "fps", "container", "keyed"]
    of_result += ["background", "background-picture", "subtitles", "subtitle-text", "loudness"]
    expected = ["title", "engine", "strength", "loop", *of_result, "mark", "watermark", "generate"]
    for _ in expected:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == expected
    page.focus("#mark")
    page.keyboard.press("Space")
    expect(page.locator("#mark")).to_be_checked()
    page.focus("#generate")
    page.keyboard.press("Enter")
    expect(page.locator("#order-problem")).to_have_text("Choose a template first.")
