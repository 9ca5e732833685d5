"""What the page of one task shows."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.page.browser import Open, until


def test_the_task_page_plots_what_the_networks_did(open_page: Open, finished: str) -> None:
    page = open_page(f"/#task={finished}")
    expect(page.locator("#task canvas")).to_have_count(3)
    until(
        page,
        """[...document.querySelectorAll('#task canvas')].every(canvas => {
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            return new Set(new Uint32Array(pixels.buffer)).size > 2;
        })""",
    )
    expect(page.locator("#task")).to_contain_text("Face found in 100 % of the frames")
    expect(page.locator(".timings tr")).to_have_count(4)
    page.locator("#task canvas").first.click(position={"x": 200, "y": 20})
    until(page, "document.querySelector('#task .made').currentTime > 0.1")
    page.click(".back")
    expect(page.locator("#studio")).to_be_visible()
