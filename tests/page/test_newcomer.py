"""Somebody who has the page alone: an avatar, two sentences in two languages, and all of it again elsewhere."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from playwright.sync_api import Page, expect

from digital_human.triton.embedded.server import TritonServer
from tests.page.browser import SECONDS, Open, until


def say(page: Page, text: str, path: Path) -> float:
    """Type a sentence, have it made, download it. Returns its seconds."""
    page.fill("#text", text)
    page.click("#generate")
    expect(page.locator("#stage")).to_have_attribute("data-state", "work")
    expect(page.locator("#stage")).to_have_attribute("data-state", "done", timeout=SECONDS)
    with page.expect_download() as download:
        page.click("#stage >> text=Download")
    download.value.save_as(path)
    with av.open(str(path)) as video:
        assert {stream.type for stream in video.streams} >= {"video", "audio"} and video.duration
        seconds: float = video.duration / 1e6
        return seconds


@pytest.mark.slow
def test_a_newcomer_makes_an_avatar_that_speaks_two_languages(
    open_page: Open, voices: TritonServer, samples: Path, tmp_path: Path
) -> None:
    page = open_page()
    page.wait_for_load_state("networkidle")
    page.set_input_files("#template", samples / "template.mkv")
    page.click("#keep-avatar")
    page.fill("#avatar-name", "Mia")
    page.fill("#consent", "She agreed on 3 May")
    page.click("#avatar-ok")
    expect(page.locator("#template-well strong")).to_have_text("Mia", timeout=SECONDS)
    expect(page.locator("#avatar-about")).to_contain_text("talks", timeout=SECONDS)
    until(page, "document.querySelector('#template-well .preview img')?.naturalWidth > 0")
    page.click("text=Type it")
    assert 0.5 < say(page, "Good morning, and welcome.", tmp_path / "english.mp4") < 5
    assert 0.5 < say(page, "早上好，欢迎您。", tmp_path / "mandarin.mp4") < 5

    other = open_page(locale="zh-CN", viewport={"width": 390, "height": 800})
    for text in ("Good morning, and welcome.", "早上好，欢迎您。"):
        card = other.locator("#cards .card", has=other.locator("strong", has_text=text))
        expect(card).to_contain_text("完成", timeout=SECONDS)
        expect(card).to_contain_text("Mia")
    other.locator(".avatar", has_text="Mia").click()
    expect(other.locator("#template-well strong")).to_have_text("Mia")
    expect(other.locator("#avatar-about")).to_contain_text("She agreed on 3 May")
    until(other, "document.querySelector('.avatar img').naturalWidth > 0")
    other.locator("#cards .card", has_text="早上好").click()
    with other.expect_download() as download:
        other.locator("#task a[download]").click(timeout=SECONDS)
    assert download.value.suggested_filename.startswith("早上好")
