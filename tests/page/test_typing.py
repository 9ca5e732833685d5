"""A typed text becomes a video, on the page."""

from __future__ import annotations

from pathlib import Path

import httpx
from playwright.sync_api import expect

from digital_human.triton.embedded.server import TritonServer
from tests import live
from tests.page.browser import SECONDS, Open
from tests.speech_server import speech_server


def test_a_typed_text_becomes_a_video(open_page: Open, triton: TritonServer, samples: Path, tmp_path: Path) -> None:
    settings = {"TRITON_URL": triton.url, "SPEECH_VOICES": "nova,onyx"}
    with speech_server() as speaks, live.service(tmp_path, SPEECH_URL=speaks.url, **settings) as base:
        page = open_page(base=base)
        page.click("text=Type it")
        expect(page.locator("#voice-well")).to_be_hidden()
        page.set_input_files("#template", samples / "template.mkv")
        page.click("#generate")
        expect(page.locator("#order-problem")).to_have_text("Type first what is to be said.")
        page.fill("#text", "Twenty characters...")
        expect(page.locator("#length")).to_have_text("about 1 s")
        page.select_option("#speaker", "onyx")
        page.click("#generate")
        expect(page.locator("#stage")).to_have_attribute("data-state", "done", timeout=SECONDS)
        expect(page.locator(".card").first).to_contain_text("Twenty characters...")
        task = httpx.get(f"{base}/human/tasks").json()["data"]["tasks"][0]
        assert (task["text"], task["voice"], task["speed"]) == ("Twenty characters...", "onyx", 1.0)
        # What was chosen is chosen again.
        page.reload()
        expect(page.locator("#text")).to_be_visible()


def test_without_voices_the_page_says_how_to_install_them(open_page: Open, voice: Path) -> None:
    page = open_page(locale="zh-CN")
    page.click("#ways button[value=text]")
    expect(page.locator("#typed-missing")).to_contain_text("尚未安装声音")
    expect(page.locator("#typed-missing code")).to_contain_text("digital-human install kokoro")
    expect(page.locator("#text")).to_be_disabled()
    # A file that is dropped all the same is wanted more than a text.
    page.set_input_files("#voice", voice)
    expect(page.locator("#voice-well")).to_be_visible()
    expect(page.locator("#typed")).to_be_hidden()
