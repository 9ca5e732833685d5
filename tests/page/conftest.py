"""A real Chromium before the real service."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.page.browser import SECONDS, Open, fill

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


# Playwright runs an event loop in the thread of the tests, where those of other files want one of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's package chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page in a fresh profile. Afterwards: no script failed, and nothing came from anywhere else."""
    contexts: list[Any] = []
    troubles: list[str] = []
    asked: set[str] = set()
    bases = {address}

    def open_(path: str = "/", base: str = address, **options: Any) -> Page:
        # Without a GPU an animation keeps a processor busy.
        usual = {"locale": "en-GB", "viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce"}
        context = browser.new_context(**{**usual, **options})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: asked.add(request.url.removeprefix("blob:")))
        bases.add(base)
        page.goto(base + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not troubles
    assert not [url for url in asked if not url.startswith(("data:", *bases))]


@pytest.fixture(scope="module")
def finished(browser: Browser, address: str, samples: Path, voice: Path) -> str:
    """Id of a task that was made on the page."""
    context = browser.new_context(locale="en-GB", reduced_motion="reduce")
    page = context.new_page()
    page.goto(address)
    fill(page, samples, voice)
    page.click("#generate")
    page.wait_for_selector("#stage[data-state=done]", timeout=SECONDS)
    href = page.get_attribute(".after .second", "href") or ""
    context.close()
    return href.removeprefix("#task=")
