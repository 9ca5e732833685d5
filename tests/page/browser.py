"""What the tests of the page share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

SECONDS = 90_000
"""A task may take so long, milliseconds."""

Open = Callable[..., Page]


def until(page: Page, condition: str) -> None:
    """Playwright's own way needs `eval` in the page, which its content policy rightly forbids."""
    deadline = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def fill(page: Page, samples: Path, voice: Path) -> None:
    # Templates of earlier tasks appear above the button, which then is not where a click was aimed at.
    page.wait_for_load_state("networkidle")
    page.set_input_files("#template", samples / "template.mkv")
    page.set_input_files("#voice", voice)
