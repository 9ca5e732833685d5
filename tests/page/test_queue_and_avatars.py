"""Orders queue up; avatars and batches are cards; everything is found again in another browser."""

from __future__ import annotations

import io
import json
import shlex
import wave
import zipfile
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.page.browser import SECONDS, Open, until


def takes(samples: Path, folder: Path, count: int) -> list[Path]:
    """Recordings of 0.4 s."""
    folder.mkdir()
    paths = [folder / f"take {number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        with wave.open(str(samples / "speech.wav")) as speech, wave.open(str(path), "wb") as part:
            part.setparams(speech.getparams())
            speech.setpos(number * 4000)
            part.writeframes(speech.readframes(int(0.4 * speech.getframerate())))
    return paths


def card(page: Page, title: str) -> str:
    return f"#cards .card:has(strong:text-is('{title}'))"


def test_orders_queue_up_and_another_browser_shows_them(open_page: Open, samples: Path, tmp_path: Path) -> None:
    page = open_page()
    page.wait_for_load_state("networkidle")
    page.set_input_files("#template", samples / "template.mkv")
    page.click(".options summary")
    # The last one is long enough to be cancelled.
    for number, take in enumerate([*takes(samples, tmp_path / "takes", 2), samples / "speech.wav"]):
        page.fill("#title", f"Order {number}")
        page.set_input_files("#voice", take)
        page.click("#generate")
    # Nobody waited for the first one.
    expect(page.locator("#queue li", has_text="Order 2").locator("a")).to_be_visible(timeout=SECONDS)
    page.locator("#queue li", has_text="Order 2").locator("button").click()
    page.reload()
    other = open_page(locale="zh-CN", viewport={"width": 390, "height": 800})
    for number in range(2):
        expect(other.locator(card(other, f"Order {number}"))).to_contain_text("完成", timeout=SECONDS)
    expect(other.locator("#cards")).to_contain_text("template.mkv")
    expect(other.locator("#queue")).to_be_hidden(timeout=SECONDS)
    expect(page.locator(card(page, "Order 2"))).to_contain_text("Cancelled", timeout=SECONDS)
    expect(page.locator("#queue")).to_be_hidden(timeout=SECONDS)


def test_a_task_follows_itself_and_is_made_again_copied_and_deleted(
    open_page: Open, address: str, samples: Path, tmp_path: Path
) -> None:
    order = {
        "video_path": "template.mkv",
        "audio_path": "speech.wav",
        "mode": "async",
        "title": "It's mine",
        "loop": "hold",
    }
    task = httpx.post(f"{address}/human/generate", json=order).json()["data"]["task_id"]
    page = open_page(f"/#task={task}", permissions=["clipboard-read", "clipboard-write"])
    # The page was opened while the task ran, and shows the result by itself.
    page.wait_for_selector("#task .made", timeout=SECONDS)
    page.set_default_timeout(SECONDS)
    with page.expect_download() as download:
        page.click("#task >> text=Download")
    assert download.value.suggested_filename.endswith("s mine.mp4")
    page.click("text=Copy as curl")
    expect(page.locator("#task")).to_contain_text("Copied")
    words = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert words[3] == f"{address}/human/generate"
    assert (
        json.loads(words[-1]) | {"mode": "async"} == json.loads(words[-1]) and json.loads(words[-1])["loop"] == "hold"
    )
    page.click("text=Make another")
    expect(page.locator("#studio")).to_be_visible()
    expect(page.locator("#template-well strong")).to_have_text("template.mkv")
    expect(page.locator("#voice-well strong")).to_have_text("speech.wav")
    assert page.input_value("#loop") == "hold" and page.input_value("#title") == "It's mine"
    page.goto(f"{address}/#task={task}")
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#task >> text=Delete")
    expect(page.locator("#studio")).to_be_visible(timeout=SECONDS)
    assert httpx.get(f"{address}/human/tasks/{task}").status_code == 404


def test_another_one_has_the_face_and_the_options_of_the_first(open_page: Open, address: str) -> None:
    order = {
        "video_path": "template.mkv",
        "audio_path": "speech.wav",
        "face": {"x": 0.5, "y": 0.45, "time": 0.2},
        "trim": {"start": 0.2, "end": 1.6},
        "lead_in": 0.2,
        "lead_out": 0.1,
        "size": "360x360",
        "fit": "crop",
        "fps": 12.5,
        "loudness": -23,
        "background": "#2040ff",
        "subtitles": "burn",
        "subtitle_text": "Set blue, by that.",
        "watermark": 1,
    }
    asked = httpx.post(f"{address}/human/generate", json=order | {"mode": "async"}).json()["data"]["task_id"]
    httpx.delete(f"{address}/human/tasks/{asked}")
    page = open_page(f"/#task={asked}", permissions=["clipboard-read", "clipboard-write"])
    page.click("text=Copy as curl", timeout=SECONDS)
    expect(page.locator("#task")).to_contain_text("Copied")
    words = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert order.items() <= json.loads(words[-1]).items()
    page.click("text=Make another")
    expect(page.locator("#size")).to_be_visible()
    page.click("#generate")
    until(page, "sessionStorage.getItem('following')")
    again = page.evaluate("sessionStorage.getItem('following')")
    httpx.delete(f"{address}/human/tasks/{again}")
    request = httpx.get(f"{address}/human/tasks/{again}").json()["data"]["request"]
    assert again != asked and order.items() <= request.items()

    # One without any is as plain as ever, whatever the form said before.
    plain = {"video_path": "template.mkv", "audio_path": "speech.wav", "mode": "async"}
    asked = httpx.post(f"{address}/human/generate", json=plain).json()["data"]["task_id"]
    httpx.delete(f"{address}/human/tasks/{asked}")
    page.goto(f"{address}/#task={asked}")
    page.locator("#task", has_text="Make another").locator("text=Make another").click()
    expect(page.locator("#studio")).to_be_visible()
    assert [page.input_value(field) for field in ("#size", "#trim-end", "#subtitles")] == ["", "", ""]
    assert not page.is_checked("#keyed") and not page.is_checked("#loudness")


def test_a_template_is_kept_as_an_avatar_and_speaks_in_a_batch(
    open_page: Open, address: str, samples: Path, tmp_path: Path
) -> None:
    page = open_page()
    page.wait_for_load_state("networkidle")
    page.set_input_files("#template", samples / "template.mkv")
    page.click("#keep-avatar")
    page.fill("#avatar-name", "Lena & co")
    page.click("#avatar-ok")
    expect(page.locator("#avatar-problem")).to_contain_text("Name: must have 1 to 64", timeout=SECONDS)
    page.fill("#avatar-name", "Lena")
    page.fill("#consent", "Signed on 3 May")
    page.click("#avatar-ok")
    expect(page.locator("#template-well strong")).to_have_text("Lena", timeout=SECONDS)
    about = page.locator("#avatar-about")
    expect(about).to_contain_text("talks", timeout=SECONDS)
    expect(about).to_contain_text("Consent: Signed on 3 May")
    until(page, "document.querySelector('.avatar img').naturalWidth > 0")

    good = takes(samples, tmp_path / "takes", 2)
    (tmp_path / "takes" / "broken.wav").write_text("no sound at all")
    page.set_input_files("#voice", [*good, tmp_path / "takes" / "broken.wav"])
    expect(page.locator("#voice-well strong")).to_have_text("3 recordings")
    page.click("#generate")
    batch = page.locator(".batch").first
    expect(batch).to_contain_text("2 of 3 done · 1 failed", timeout=SECONDS)
    batch.locator("summary").click()
    expect(batch).to_contain_text("broken: Voice: cannot be read as media")
    with page.expect_download() as download:
        batch.locator("text=Download all").click()
    path = tmp_path / "all.zip"
    download.value.save_as(path)
    names = zipfile.ZipFile(io.BytesIO(path.read_bytes())).namelist()
    assert names == ["0001-take 0.mp4", "0002-take 1.mp4", "report.csv"]
    # Its rows are seen with the batch, not among the single videos.
    expect(page.locator(card(page, "take 0"))).to_have_count(0)
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("text=Delete this avatar")
    expect(page.locator("#template-well strong")).to_have_text("Template", timeout=SECONDS)
    assert "Lena" not in [one["name"] for one in httpx.get(f"{address}/avatars").json()["data"]["avatars"]]


def test_a_dropped_folder_is_a_batch(open_page: Open) -> None:
    page = open_page()
    dropped = page.evaluate(
        """() => import('/page/folders.js').then(({ filesOf }) => {
            const file = name => ({ isFile: true, name, file: done => done(new File(['x'], name)) });
            const folder = (name, ...inner) => ({ isDirectory: true, name, createReader: () => {
                const parts = [inner.slice(0, 1), inner.slice(1), []];
                return { readEntries: done => done(parts.shift()) };
            } });
            const tree = folder('a', file('b10.wav'), file('b9.mp3'), file('notes.txt'), file('.hidden.wav'),
                folder('c', file('d.mp4')));
            return filesOf({ items: [{ webkitGetAsEntry: () => tree }], files: [] });
        }).then(files => files.map(file => file.name))"""
    )
    assert dropped == ["b9.mp3", "b10.wav", "d.mp4"]


def test_the_example_is_offered_to_newcomers(open_page: Open, address: str) -> None:
    page = open_page()
    page.wait_for_load_state("networkidle")
    # The service of these tests has made videos already, so the offer is made by hand.
    page.evaluate(
        """() => import('/page/stage.js').then(stage => stage.offerExample(() => { document.title = 'tried'; }))"""
    )
    page.click("#example")
    until(page, "document.title === 'tried'")
    for name in ("template.mkv", "speech.wav"):
        assert page.request.get(f"{address}/page/example/{name}").ok
