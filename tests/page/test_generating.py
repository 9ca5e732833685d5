"""A template and a voice become a video, on the page."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import av
from playwright.sync_api import expect

from digital_human.triton.embedded.server import TritonServer
from tests import live
from tests.page.browser import SECONDS, Open, fill, until


def test_two_files_become_a_video_to_compare_and_download(open_page: Open, samples: Path, tmp_path: Path) -> None:
    # Long enough to be seen at work, however fast the machine: the service tells twice a second.
    long = tmp_path / "speech.wav"
    with wave.open(str(samples / "speech.wav")) as speech, wave.open(str(long), "wb") as repeated:
        repeated.setparams(speech.getparams())
        repeated.writeframes(speech.readframes(speech.getnframes()) * 3)
    page = open_page()
    fill(page, samples, long)
    page.click(".options summary")
    page.check("#mark")
    page.click("#generate")
    stages = set()
    # State and words in one look: between two, the work may have ended and its words be gone.
    while (words := page.evaluate("document.querySelector('#stage[data-state=work] .doing')?.textContent")) is not None:
        stages.add(words)
        page.wait_for_timeout(60)
    expect(page.locator("#stage")).to_have_attribute("data-state", "done", timeout=SECONDS)
    assert stages & {"Studying the face", "Listening to the voice", "Drawing the mouth"}

    page.click(".round")
    until(page, "document.querySelector('.made').currentTime > 0.2")
    page.click(".round")
    times = page.evaluate("[...document.querySelectorAll('#stage video')].map(video => video.currentTime)")
    assert abs(times[0] - times[1]) < 0.2, "the original is shown at another moment than the result"

    page.focus(".divider")
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.querySelector('.picture').style.getPropertyValue('--at')") == "40%"
    page.click("text=Side by side")
    boxes = [page.locator(f".{name}").bounding_box() for name in ("given", "made")]
    assert boxes[0] and boxes[1] and boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"] + 1

    with page.expect_download() as download:
        page.click("text=Download")
    download.value.save_as(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].frames > 0 and container.streams.audio
    card = page.locator(".card").first
    expect(card).to_contain_text("speech.wav")
    expect(card).to_contain_text("from template.mkv")
    until(page, "document.querySelector('.card img').naturalWidth > 0")
    until(page, "document.querySelector('#recent button').offsetWidth > 0")


def test_strength_and_loop_are_options_that_reach_the_job(
    open_page: Open, address: str, samples: Path, tmp_path: Path
) -> None:
    # Longer than the template, so that the loop shows.
    long = tmp_path / "speech.wav"
    with wave.open(str(samples / "speech.wav")) as speech, wave.open(str(long), "wb") as part:
        part.setparams(speech.getparams())
        part.writeframes(speech.readframes(int(3.6 * speech.getframerate())))
    page = open_page()
    fill(page, samples, long)
    page.click(".options summary")
    page.wait_for_selector("#engine option[value=wav2lip]", state="attached")
    page.focus("#strength")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#strength-value")).to_have_text("120 %")
    page.select_option("#loop", "repeat")
    page.click("#generate")
    expect(page.locator("#stage")).to_have_attribute("data-state", "done", timeout=SECONDS)
    href = page.get_attribute(".after .second", "href") or ""
    task = page.request.get(f"{address}/human/tasks/{href.removeprefix('#task=')}").json()["data"]
    assert (task["mouth_strength"], task["loop"]) == (1.2, "repeat")
    page.locator(".seek").fill("950")
    until(page, "document.querySelector('.made').currentTime > 3.3")
    until(page, "document.querySelector('.given').currentTime < 0.7")
    page.click(".after .second")
    expect(page.locator(".timings .facts")).to_contain_text("mouth at 120 %")
    expect(page.locator(".timings .facts")).to_contain_text("template started again")


def test_an_engine_without_strength_says_so(open_page: Open) -> None:
    page = open_page()
    page.click(".options summary")
    page.wait_for_selector("#engine option[value=wav2lip]", state="attached")
    expect(page.locator("#strength")).to_be_enabled()
    # Its weights are not installed, so a person could not choose it.
    page.evaluate(
        """() => {
            const engine = document.querySelector('#engine');
            engine.value = 'wav2lip';
            engine.dispatchEvent(new Event('change'));
        }"""
    )
    expect(page.locator("#strength")).to_be_disabled()
    expect(page.locator(".options .fields")).to_contain_text("This engine decides for itself")
    page.click("#language")
    expect(page.locator(".options .fields")).to_contain_text("此引擎自行决定")


def test_a_template_of_before_is_used_again(open_page: Open, finished: str, samples: Path, voice: Path) -> None:
    page = open_page()
    page.click("#recent button")
    page.set_input_files("#voice", voice)
    page.click("#generate")
    page.wait_for_selector("#stage[data-state=work]")
    page.click("#stage >> text=Cancel")
    expect(page.locator("#stage")).to_contain_text("Cancelled")
    expect(page.locator("#generate")).to_be_enabled()


def test_a_file_is_sent_once_and_again_when_the_service_has_removed_it(
    open_page: Open, address: str, samples: Path, voice: Path
) -> None:
    page = open_page()

    def generated() -> dict[str, Any]:
        page.click("#generate")
        page.wait_for_selector("#stage[data-state=work]")
        expect(page.locator("#stage")).to_have_attribute("data-state", "done", timeout=SECONDS)
        href = page.get_attribute(".after .second", "href") or ""
        answer = page.request.get(f"{address}/human/tasks/{href.removeprefix('#task=')}")
        return dict(answer.json()["data"])

    fill(page, samples, voice)
    first = generated()
    fill(page, samples, voice)
    second = generated()
    assert (second["video_path"], second["audio_path"]) == (first["video_path"], first["audio_path"])
    expect(page.locator(f"#recent button[data-id='{first['video_path']}']")).to_have_count(1)

    # As if the service had removed both after a while.
    page.evaluate(
        """() => {
            const gone = text => text.replace(/upload:[^"]*/g, 'upload:' + '0'.repeat(32));
            localStorage.setItem('sent', gone(localStorage.getItem('sent')));
        }"""
    )
    page.reload()
    fill(page, samples, voice)
    assert generated()["video_path"] not in (first["video_path"], "upload:" + "0" * 32)


def test_a_voice_is_recorded_with_the_microphone_and_spoken(open_page: Open, samples: Path) -> None:
    page = open_page(permissions=["microphone"])
    page.click("#record")
    expect(page.locator("#record")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(700)
    page.click("#record")
    expect(page.locator("#voice-well")).to_contain_text("recording-")
    expect(page.locator("#voice-player")).to_be_visible()
    page.set_input_files("#template", samples / "template.mkv")
    page.click("#generate")
    expect(page.locator("#stage")).to_have_attribute("data-state", "done", timeout=SECONDS)


def test_a_file_is_dropped(open_page: Open) -> None:
    page = open_page()
    data = page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(['x'], 'hello.mp4', {type: 'video/mp4'}));
            return data;
        }"""
    )
    page.dispatch_event("#template-well", "dragover", {"dataTransfer": data})
    assert "over" in str(page.get_attribute("#template-well", "class"))
    page.dispatch_event("#template-well", "drop", {"dataTransfer": data})
    expect(page.locator("#template-well strong")).to_have_text("hello.mp4")
    page.dispatch_event("#voice-well", "drop", {"dataTransfer": data})
    expect(page.locator("#voice-well strong")).to_have_text("hello.mp4")
    # Beside the wells it would make the browser leave the page.
    assert not page.evaluate("document.body.dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true}))")


def test_a_key_is_asked_for_once(
    open_page: Open, triton: TritonServer, samples: Path, voice: Path, tmp_path: Path
) -> None:
    with live.service(tmp_path, TRITON_URL=triton.url, API_KEYS="open-sesame") as url:
        page = open_page(base=url)
        page.fill("#key-value", "wrong")
        page.click("#key button")
        page.fill("#key-value", "open-sesame")
        page.click("#key button")
        page.wait_for_selector("#engine option", state="attached")
        fill(page, samples, voice)
        page.click("#generate")
        page.wait_for_selector("#stage[data-state=done]", timeout=SECONDS)
        until(page, "document.querySelector('.made').duration > 1")
        assert str(page.get_attribute(".made", "src")).startswith("blob:")
