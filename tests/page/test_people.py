"""Choosing who speaks, by a click on a still of the template."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from digital_human.core.frame import Frame
from tests.media.people import write_two_people
from tests.page.browser import SECONDS, Open


@pytest.fixture(scope="module")
def pair(template_frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_two_people(tmp_path_factory.mktemp("pair") / "pair.mkv", template_frames[:16])


def test_a_click_on_a_face_makes_that_person_speak(open_page: Open, address: str, pair: Path, voice: Path) -> None:
    page = open_page()
    expect(page.locator("#people")).to_be_hidden()
    page.set_input_files("#template", pair)
    page.set_input_files("#voice", voice)
    page.click("#people summary")
    boxes = page.locator("#still button")
    expect(boxes).to_have_count(2, timeout=SECONDS)
    expect(page.locator("#people-note")).to_have_text("2 faces. Click on the one that is to speak.")
    still = page.locator("#still").bounding_box()
    assert still
    page.mouse.click(still["x"] + 0.25 * still["width"], still["y"] + 0.5 * still["height"])
    expect(boxes.first).to_have_attribute("aria-pressed", "true")
    expect(boxes.last).to_have_attribute("aria-pressed", "false")
    # A place without a box is a choice too: the service looks closer there.
    page.mouse.click(still["x"] + 0.5 * still["width"], still["y"] + 5)
    expect(page.locator("#still .point")).to_be_visible()
    page.click("#anyone")
    expect(page.locator("#still .point")).to_have_count(0)
    boxes.first.press("Enter")
    expect(boxes.first).to_have_attribute("aria-pressed", "true")
    page.click("#generate")
    expect(page.locator("#stage")).to_have_attribute("data-state", "done", timeout=SECONDS)
    href = page.get_attribute(".after .second", "href") or ""
    task = page.request.get(f"{address}/human/tasks/{href.removeprefix('#task=')}").json()["data"]
    assert [face["driven"] for face in task["result"]["faces"]] == [True, False]
    expect(page.locator("#stage .warned")).to_contain_text("2 faces")
    # Another template knows nothing of the choice.
    page.click("#template-well .clear")
    expect(page.locator("#people")).to_be_hidden()
