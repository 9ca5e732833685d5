"""A preview, and options of the result, from the page."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import expect

from tests.page.browser import SECONDS, Open, fill, until


def test_a_preview_has_the_options_that_were_filled_in(
    open_page: Open, address: str, samples: Path, voice: Path, tmp_path: Path
) -> None:
    page = open_page()
    fill(page, samples, voice)
    page.click(".options summary")
    filled = {"#trim-end": "1.2", "#lead-in": "0.4", "#size": "360x360", "#fps": "12.5"}
    for field, value in filled.items():
        page.fill(field, value)
    page.select_option("#fit", "crop")
    page.check("#loudness")
    page.select_option("#subtitles", "srt")
    page.fill("#subtitle-text", "Set blue, by that.")
    assert cv2.imwrite(str(tmp_path / "studio.png"), np.full((64, 64, 3), 200, np.uint8))
    page.set_input_files("#background-picture", tmp_path / "studio.png")
    page.click("#preview")
    expect(page.locator("#stage")).to_have_attribute("data-state", "done", timeout=SECONDS)
    expect(page.locator("#stage .facts")).to_contain_text("preview")
    with page.expect_download() as download:
        page.click(".after >> text=Subtitles")
    download.value.save_as(tmp_path / "out.srt")
    assert "Set blue, by that." in (tmp_path / "out.srt").read_text(encoding="utf-8")
    href = page.get_attribute(".after .details", "href") or ""
    task = page.request.get(f"{address}/human/tasks/{href.removeprefix('#task=')}").json()["data"]
    assert task["request"]["background"].startswith("upload:") and task["names"]["background"] == "studio.png"
    result = task["result"]
    assert (result["width"], result["height"], result["preview"], result["frames"]) == (360, 360, 5, 25)
    # Another one like it has the same picture, until somebody takes it away.
    page.goto(f"{address}/{href}")
    page.click("text=Make another", timeout=SECONDS)
    expect(page.locator("#background-kept .name")).to_have_text("studio.png")
    page.click("#generate")
    until(page, f"![null, '{task['task_id']}'].includes(sessionStorage.getItem('following'))")
    again = page.evaluate("sessionStorage.getItem('following')")
    page.request.delete(f"{address}/human/tasks/{again}")
    asked = page.request.get(f"{address}/human/tasks/{again}").json()["data"]["request"]
    assert asked["background"] == task["request"]["background"]
    page.click("#background-kept .clear")
    expect(page.locator("#background-kept")).to_be_hidden()
    # What nobody filled in any more is as ever.
    for field in filled:
        page.fill(field, "")
    page.uncheck("#loudness")
    page.fill("#trim-start", "9")
    page.click("#generate")
    expect(page.locator("#stage .message")).to_contain_text("trim: lies beyond the end", timeout=SECONDS)
