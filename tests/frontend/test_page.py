"""The page in a real Chromium against the real service."""

from __future__ import annotations

import ast
import re
import shutil
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from frontend.triton.server import TritonServer
from tests import live

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is not installed")

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
SECONDS = 90_000

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
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
        context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 860}, **options})
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


def until(page: Page, condition: str) -> None:
    """Playwright's own way needs `eval` in the page, which its content policy rightly forbids."""
    deadline = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def fill(page: Page, samples: Path, voice: Path) -> None:
    page.set_input_files("#template", samples / "template.mkv")
    page.set_input_files("#voice", voice)


@pytest.fixture(scope="module")
def finished(browser: Browser, address: str, samples: Path, voice: Path) -> str:
    """Id of a task that was made on the page."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(address)
    fill(page, samples, voice)
    page.click("#generate")
    page.wait_for_selector("#stage[data-state=done]", timeout=SECONDS)
    href = page.get_attribute(".after .second", "href") or ""
    context.close()
    return href.removeprefix("#task=")


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
    while page.get_attribute("#stage", "data-state") == "work":
        stages.add(page.text_content(".doing"))
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


def test_the_task_page_plots_what_the_networks_did(open_page: Open, finished: str) -> None:
    page = open_page(f"/#task={finished}")
    expect(page.locator("#task canvas")).to_have_count(3)
    page.wait_for_timeout(300)
    colours = page.evaluate(
        """[...document.querySelectorAll('#task canvas')].map(canvas => {
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            return new Set(new Uint32Array(pixels.buffer)).size;
        })"""
    )
    assert min(colours) > 2, "a plot is blank"
    expect(page.locator("#task")).to_contain_text("Face found in 100 % of the frames")
    expect(page.locator(".timings tr")).to_have_count(4)
    page.locator("#task canvas").first.click(position={"x": 200, "y": 20})
    until(page, "document.querySelector('#task .made').currentTime > 0.1")
    page.click(".back")
    expect(page.locator("#studio")).to_be_visible()


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
    expect(page.locator(".fields")).to_contain_text("This engine decides for itself")
    page.click("#language")
    expect(page.locator(".fields")).to_contain_text("此引擎自行决定")


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


def test_errors_say_what_to_do(open_page: Open, samples: Path, voice: Path, tmp_path: Path) -> None:
    page = open_page()
    page.click("#generate")
    expect(page.locator("#order-problem")).to_have_text("Choose a template first.")
    assert page.evaluate("document.activeElement.id") == "template"
    (tmp_path / "notes.wav").write_text("no sound at all")
    fill(page, samples, voice)
    page.set_input_files("#voice", tmp_path / "notes.wav")
    page.click("#generate")
    wrong = page.locator("#stage .wrong")
    expect(wrong).to_contain_text("Voice: cannot be read as media", timeout=SECONDS)
    expect(wrong).to_contain_text("Try another file")


def test_in_chinese_the_services_own_words_are_chinese_too(
    open_page: Open, samples: Path, voice: Path, tmp_path: Path
) -> None:
    page = open_page(locale="zh-CN")
    (tmp_path / "notes.wav").write_text("no sound at all")
    fill(page, samples, tmp_path / "notes.wav")
    page.click("#generate")
    expect(page.locator("#stage .message")).to_contain_text("语音：无法作为音视频读取", timeout=SECONDS)
    # Every translation is of something that the service says.
    said = messages()
    unused = page.evaluate(
        """async said => {
            const { MESSAGES } = await import('/page/messages.js');
            return MESSAGES.map(([pattern]) => pattern).filter(one => !said.some(text => one.test(text))).map(String);
        }""",
        said,
    )
    assert said and not unused


def messages() -> list[str]:
    """What the service says, without the field: every text in its code, with something for what is filled in."""
    found = []
    for path in (live.ROOT / "frontend").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return [re.sub(r"^(1|audio_path|video_path|file): ", "", text) for text in found]


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


def test_both_languages_are_complete_and_switchable(open_page: Open) -> None:
    page = open_page(locale="zh-CN")
    expect(page.locator("h1").first).to_have_text("让一个人说出这段话")
    assert page.get_attribute("html", "lang") == "zh-CN"
    page.click("#language")
    expect(page.locator("h1").first).to_have_text("Make a person say it")
    page.reload()
    expect(page.locator("h1").first).to_have_text("Make a person say it")
    english, chinese = page.evaluate(
        "import('/page/words.js').then(({ EN, ZH }) => [EN, ZH].map(words => Object.keys(words).sort()))"
    )
    assert english == chinese and len(english) > 60


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_reads_and_names_everything(open_page: Open, finished: str, width: int, scheme: str) -> None:
    for path in ("/", f"/#task={finished}"):
        page = open_page(path, viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.wait_for_selector(".card" if path == "/" else ".timings")
        if path == "/":
            page.click(".options summary")
            page.wait_for_selector("#engine option[value=wav2lip]", state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        over = page.evaluate(
            """() => {
                const main = document.querySelector('main'), style = getComputedStyle(main);
                const edge = main.getBoundingClientRect().right - parseFloat(style.paddingRight);
                return [...main.querySelectorAll('*:not(.strip, .strip *)')]
                    .filter(e => e.getBoundingClientRect().right > edge + 0.5).map(e => e.outerHTML.slice(0, 80));
            }"""
        )
        assert not over, "wider than the column"
        nameless = page.evaluate(
            """[...document.querySelectorAll('button, input, select, a, canvas[role]')].filter(e => e.offsetParent)
               .filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim()))
               .map(e => e.outerHTML)"""
        )
        assert not nameless
        faint = page.evaluate(
            """() => {
                const style = getComputedStyle(document.documentElement), read = name => {
                    const pen = document.createElement('canvas').getContext('2d');
                    pen.fillStyle = style.getPropertyValue(name);
                    pen.fillRect(0, 0, 1, 1);
                    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map(v => v / 255)
                        .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                    return .2126 * r + .7152 * g + .0722 * b;
                };
                const pairs = [['--ink', '--paper'], ['--ink', '--card'], ['--soft', '--paper'], ['--soft', '--card'],
                    ['--accent-ink', '--accent'], ['--warn', '--card'], ['--accent', '--card']];
                return pairs.filter(([a, b]) => {
                    const [low, high] = [read(a), read(b)].sort((x, y) => x - y);
                    return (high + .05) / (low + .05) < 4.5;
                });
            }"""
        )
        assert not faint, "contrast below 4.5"


def test_it_is_used_with_the_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    page.wait_for_selector("#engine option", state="attached")
    reached: list[str] = []
    # However many templates of other tests are offered on the way.
    while "generate" not in reached and len(reached) < 40:
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
            )
        )
    order = ["skip", "language", "theme", "template", "voice", "record", "SUMMARY", "generate"]
    assert [name for name in reached if name in order] == order

    page.focus(".options summary")
    page.keyboard.press("Enter")
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == ["engine", "strength", "loop", "mark", "watermark", "generate"]
    page.focus("#mark")
    page.keyboard.press("Space")
    expect(page.locator("#mark")).to_be_checked()
    page.focus("#generate")
    page.keyboard.press("Enter")
    expect(page.locator("#order-problem")).to_have_text("Choose a template first.")


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
