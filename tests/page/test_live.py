"""The Live view: a person is chosen, the microphone talks, and the picture moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.page.browser import SECONDS, Open, until

pytest.importorskip("aiortc")


def test_a_person_says_what_the_microphone_hears(open_page: Open, samples: Path) -> None:
    page = open_page("/#live")
    page.wait_for_selector("#live-avatar option", state="attached")
    page.click("#live-begin")
    page.wait_for_selector("#live-problem:not([hidden])")  # nobody was chosen
    page.set_input_files("#live-template", samples / "template.mkv")
    page.click("#live-begin")
    page.wait_for_selector("#live-talk:enabled", timeout=SECONDS)
    playing = "document.querySelector('#live-video').videoWidth === 720"
    until(page, playing)
    page.click("#live-talk")  # Chromium's fake microphone beeps
    page.wait_for_selector("#live-latency:not(:empty)", timeout=SECONDS)
    assert "ms" in page.inner_text("#live-latency")
    page.click("#live-talk")
    page.click("#live-stop")
    until(page, "document.querySelector('#live-video').currentTime > 0.5")
    page.click("#live-begin")
    page.wait_for_selector("#live-talk:disabled")
    assert page.is_hidden("#live-problem")
